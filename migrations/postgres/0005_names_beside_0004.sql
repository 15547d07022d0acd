-- The contact's name stands in the conversation too, to find it by: who looks for a name reads only the conversations that have one. What is shown
-- is always the contact's own, so that a version that does not know this column may go on beside.
alter table conversations add column contact_name text;
update conversations set contact_name = (select name from contacts k where k.id = contact_id) where contact_id in (select id from contacts where name is not null);
create index conversations_named on conversations (post_id) where contact_name is not null;
