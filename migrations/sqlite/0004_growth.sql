-- Lists open as quickly with a hundred thousand conversations at a post as with ten.
drop index conversations_post;
create index conversations_post on conversations (post_id, state, last_message_at, id);
create index conversations_unread on conversations (post_id) where state = 'open' and last_seq > staff_seen_seq;

-- Every word in the index carries the mark of its post, a character that no text keeps and the last ten hexadecimal digits of the post's id, so
-- that a search reads the words of one's own posts alone. The mark of the conversation stands in front.
update message_search set terms = (
    select char(57344) || lower(hex(substr(c.id, 12))) || replace(' ' || terms, ' ', ' ' || char(57344) || lower(hex(substr(c.post_id, 12))))
    from conversations c where c.id = message_search.conversation_id);
