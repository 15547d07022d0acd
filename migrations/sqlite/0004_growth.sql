-- Lists open as quickly with a hundred thousand conversations at a post as with ten.
drop index conversations_post;
create index conversations_post on conversations (post_id, state, last_message_at, id);
create index conversations_unread on conversations (post_id) where state = 'open' and last_seq > staff_seen_seq;

-- The words of a message begin with the mark of its conversation's post, a character that no text keeps and the post's id, so that a search
-- reads the entries of one's own posts alone.
update message_search
set terms = char(57344) || lower(hex((select c.post_id from conversations c where c.id = message_search.conversation_id))) || ' ' || terms;
