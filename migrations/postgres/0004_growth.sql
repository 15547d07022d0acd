-- Lists open as quickly with a hundred thousand conversations at a post as with ten.
drop index conversations_post;
create index conversations_post on conversations (post_id, state, last_message_at, id);
create index conversations_unread on conversations (post_id) where state = 'open' and last_seq > staff_seen_seq;

-- Every word in the index carries the mark of its post, a character that no text keeps and the last ten hexadecimal digits of the post's id, so
-- that a search reads the words of one's own posts alone.
alter table message_search add column words tsvector;
update message_search s
set words = (
    select coalesce(string_agg('''' || chr(57344) || right(replace(c.post_id::text, '-', ''), 10) || left(word, 100) || ''':' || place, ' '), '')::tsvector
    from conversations c, unnest(string_to_array(s.terms, ' ')) with ordinality as t (word, place) where c.id = s.conversation_id and word <> '');
alter table message_search alter column words set not null;
drop index message_search_terms;
alter table message_search drop column terms;
create index message_search_words on message_search using gin (words);
