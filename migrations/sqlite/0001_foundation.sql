-- Times are Unix milliseconds (UTC), ids UUIDv7; both come from the program, never from the database.

create table installation (
    id integer primary key check (id = 1),
    secret blob not null,
    created_at integer not null
) strict;

create table units (
    id blob primary key,
    parent_id blob references units (id),
    kind text not null,
    name text not null,
    code text unique,
    created_at integer not null,
    ended_at integer
) strict;
create index units_parent on units (parent_id);

-- The working time of a unit and of everything below it that has none of its own.
create table calendars (
    unit_id blob primary key references units (id),
    zone text not null,
    week text not null,
    promise_minutes integer not null,
    updated_at integer not null
) strict;

create table calendar_days (
    unit_id blob not null references calendars (unit_id),
    day text not null,
    kind text not null,
    name text not null,
    primary key (unit_id, day)
) strict;

create table staff (
    id blob primary key,
    -- The unit where they were invited: whoever administers it sees them before they hold a post there.
    unit_id blob references units (id),
    email text not null unique,
    name text not null,
    title text,
    language text not null,
    password_hash text,
    created_at integer not null,
    activated_at integer,
    ended_at integer,
    off_duty_since integer,
    off_duty_until integer
) strict;

create table photos (
    staff_id blob primary key references staff (id),
    image blob not null,
    updated_at integer not null
) strict;

create table posts (
    id blob primary key,
    unit_id blob not null references units (id),
    title text not null,
    substitute_id blob references posts (id),
    welcome text,
    -- Who answers for this post now: itself, its substitute or a post above. Derived by domain::routing; null when nobody can.
    answering_id blob references posts (id),
    created_at integer not null,
    ended_at integer
) strict;
create index posts_unit on posts (unit_id);
create index posts_answering on posts (answering_id);

create table holdings (
    id blob primary key,
    post_id blob not null references posts (id),
    staff_id blob not null references staff (id),
    from_at integer not null,
    until_at integer
) strict;
create index holdings_post on holdings (post_id);
create index holdings_staff on holdings (staff_id);

create table grants (
    id blob primary key,
    staff_id blob not null references staff (id),
    role text not null,
    unit_id blob not null references units (id),
    from_at integer not null,
    until_at integer
) strict;
create index grants_staff on grants (staff_id);

create table invitations (
    id blob primary key,
    staff_id blob not null references staff (id),
    created_at integer not null,
    expires_at integer not null,
    used_at integer
) strict;
create index invitations_staff on invitations (staff_id);

create table sessions (
    id blob primary key,
    staff_id blob not null references staff (id),
    key_hash blob not null unique,
    agent text not null,
    created_at integer not null,
    seen_at integer not null,
    ended_at integer
) strict;
create index sessions_staff on sessions (staff_id);

create table sign_in_failures (
    subject text primary key,
    failures integer not null,
    since_at integer not null
) strict;

create table contact_points (
    id blob primary key,
    post_id blob not null references posts (id),
    code text not null unique,
    check_phrase text not null,
    place text not null,
    topic text,
    welcome text,
    created_at integer not null,
    revoked_at integer
) strict;
create index contact_points_post on contact_points (post_id);

create table contacts (
    id blob primary key,
    name text,
    email text,
    phone text,
    language text not null,
    created_at integer not null
) strict;

create table devices (
    id blob primary key,
    contact_id blob not null references contacts (id),
    key_hash blob not null unique,
    created_at integer not null
) strict;
create index devices_contact on devices (contact_id);

create table conversations (
    id blob primary key,
    contact_id blob not null references contacts (id),
    post_id blob not null references posts (id),
    contact_point_id blob references contact_points (id),
    state text not null,
    claim_hash blob not null unique,
    claim_version integer not null,
    last_seq integer not null,
    last_message_at integer not null,
    preview text not null,
    contact_seen_seq integer not null,
    staff_seen_seq integer not null,
    -- The last answer a mail was written for; no further mail until the contact has seen it.
    mailed_seq integer not null default 0,
    opened_at integer not null,
    closed_at integer
) strict;
create index conversations_post on conversations (post_id, last_message_at);
create index conversations_contact on conversations (contact_id, last_message_at);

-- Other devices that opened a conversation with its claim code or a mail's return link.
create table claims (
    conversation_id blob not null references conversations (id),
    device_id blob not null references devices (id),
    claimed_at integer not null,
    ended_at integer,
    primary key (conversation_id, device_id)
) strict;
create index claims_device on claims (device_id);

create table messages (
    conversation_id blob not null references conversations (id),
    seq integer not null,
    id blob not null unique,
    kind text not null,
    post_id blob references posts (id),
    staff_id blob references staff (id),
    body text not null,
    client_key blob not null,
    sent_at integer not null,
    removed_at integer,
    primary key (conversation_id, seq),
    unique (conversation_id, client_key)
) strict;

create table waits (
    id blob primary key,
    conversation_id blob not null references conversations (id),
    post_id blob not null references posts (id),
    opened_seq integer not null,
    opened_at integer not null,
    due_at integer not null,
    closed_seq integer,
    closed_at integer,
    closed_by blob references staff (id)
) strict;
create unique index waits_open on waits (conversation_id) where closed_at is null;
create index waits_post on waits (post_id, due_at) where closed_at is null;
create index waits_conversation on waits (conversation_id, opened_seq);

create table quick_replies (
    id blob primary key,
    post_id blob not null references posts (id),
    title text not null,
    body text not null,
    created_at integer not null
) strict;
create index quick_replies_post on quick_replies (post_id);

create table scheduled_replies (
    id blob primary key,
    conversation_id blob not null references conversations (id),
    staff_id blob not null references staff (id),
    body text not null,
    client_key blob not null,
    created_at integer not null,
    send_at integer not null,
    sent_at integer,
    cancelled_at integer,
    unique (conversation_id, client_key)
) strict;
create index scheduled_replies_due on scheduled_replies (send_at) where sent_at is null and cancelled_at is null;

-- Mails to send, written in the same transaction as what they announce.
create table outbox (
    id blob primary key,
    kind text not null,
    recipient text not null,
    language text not null,
    conversation_id blob references conversations (id),
    invitation_id blob references invitations (id),
    created_at integer not null,
    due_at integer not null,
    attempts integer not null,
    last_error text,
    sent_at integer,
    cancelled_at integer,
    failed_at integer
) strict;
create index outbox_due on outbox (due_at) where sent_at is null and cancelled_at is null and failed_at is null;
create index outbox_conversation on outbox (conversation_id);

create table audit_entries (
    seq integer primary key,
    at integer not null,
    staff_id blob,
    action text not null,
    target text not null,
    detail text not null,
    previous_hash blob not null,
    hash blob not null
) strict;
create index audit_entries_target on audit_entries (target);

-- Each message's words as model::search::terms writes them.
create virtual table message_search using fts5 (terms, conversation_id unindexed, seq unindexed, tokenize = 'unicode61 remove_diacritics 0', detail = full);
