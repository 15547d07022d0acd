-- Lists open as quickly with a hundred thousand conversations at a post as with ten.
drop index conversations_post;
create index conversations_post on conversations (post_id, state, last_message_at, id);
create index conversations_unread on conversations (post_id) where state = 'open' and last_seq > staff_seen_seq;

-- The words of a message begin with the mark of its conversation's post, a character that no text keeps and the post's id, so that a search
-- reads the entries of one's own posts alone.
alter table message_search add column words tsvector;
update message_search s
set words = array_to_tsvector(array[chr(57344) || replace(c.post_id::text, '-', '')]) || to_tsvector('simple', s.terms)
from conversations c where c.id = s.conversation_id;
alter table message_search alter column words set not null;
drop index message_search_terms;
alter table message_search drop column terms;
create index message_search_words on message_search using gin (words);
