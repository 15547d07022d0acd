-- "Usually answers within" and what was answered today, without reading every wait there ever was.
create index waits_answered on waits (post_id, opened_at desc) where closed_at is not null;
create index waits_closed on waits (post_id, closed_at) where closed_at is not null;

-- The post whose conversation it was when the reply was written.
alter table scheduled_replies add column post_id uuid references posts (id);
