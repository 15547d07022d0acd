-- Times are Unix milliseconds (UTC), ids UUIDv7; both come from the program, never from the database.

create table installation (
    id bigint primary key check (id = 1),
    secret bytea not null,
    created_at bigint not null
);

create table units (
    id uuid primary key,
    parent_id uuid references units (id),
    kind text not null,
    name text not null,
    code text unique,
    created_at bigint not null,
    ended_at bigint
);
create index units_parent on units (parent_id);

-- The working time of a unit and of everything below it that has none of its own.
create table calendars (
    unit_id uuid primary key references units (id),
    zone text not null,
    week text not null,
    promise_minutes bigint not null,
    updated_at bigint not null
);

create table calendar_days (
    unit_id uuid not null references calendars (unit_id),
    day text not null,
    kind text not null,
    name text not null,
    primary key (unit_id, day)
);

create table staff (
    id uuid primary key,
    -- The unit where they were invited: whoever administers it sees them before they hold a post there.
    unit_id uuid references units (id),
    email text not null unique,
    name text not null,
    title text,
    language text not null,
    password_hash text,
    created_at bigint not null,
    activated_at bigint,
    ended_at bigint,
    off_duty_since bigint,
    off_duty_until bigint
);

create table photos (
    staff_id uuid primary key references staff (id),
    image bytea not null,
    updated_at bigint not null
);

create table posts (
    id uuid primary key,
    unit_id uuid not null references units (id),
    title text not null,
    substitute_id uuid references posts (id),
    welcome text,
    -- Who answers for this post now: itself, its substitute or a post above. Derived by domain::routing; null when nobody can.
    answering_id uuid references posts (id),
    created_at bigint not null,
    ended_at bigint
);
create index posts_unit on posts (unit_id);
create index posts_answering on posts (answering_id);

create table holdings (
    id uuid primary key,
    post_id uuid not null references posts (id),
    staff_id uuid not null references staff (id),
    from_at bigint not null,
    until_at bigint
);
create index holdings_post on holdings (post_id);
create index holdings_staff on holdings (staff_id);

create table grants (
    id uuid primary key,
    staff_id uuid not null references staff (id),
    role text not null,
    unit_id uuid not null references units (id),
    from_at bigint not null,
    until_at bigint
);
create index grants_staff on grants (staff_id);

create table invitations (
    id uuid primary key,
    staff_id uuid not null references staff (id),
    created_at bigint not null,
    expires_at bigint not null,
    used_at bigint
);
create index invitations_staff on invitations (staff_id);

create table sessions (
    id uuid primary key,
    staff_id uuid not null references staff (id),
    key_hash bytea not null unique,
    agent text not null,
    created_at bigint not null,
    seen_at bigint not null,
    ended_at bigint
);
create index sessions_staff on sessions (staff_id);

create table sign_in_failures (
    subject text primary key,
    failures bigint not null,
    since_at bigint not null
);

create table contact_points (
    id uuid primary key,
    post_id uuid not null references posts (id),
    code text not null unique,
    check_phrase text not null,
    place text not null,
    topic text,
    welcome text,
    created_at bigint not null,
    revoked_at bigint
);
create index contact_points_post on contact_points (post_id);

create table contacts (
    id uuid primary key,
    name text,
    email text,
    phone text,
    language text not null,
    created_at bigint not null
);

create table devices (
    id uuid primary key,
    contact_id uuid not null references contacts (id),
    key_hash bytea not null unique,
    created_at bigint not null
);
create index devices_contact on devices (contact_id);

create table conversations (
    id uuid primary key,
    contact_id uuid not null references contacts (id),
    post_id uuid not null references posts (id),
    contact_point_id uuid references contact_points (id),
    state text not null,
    claim_hash bytea not null unique,
    claim_version bigint not null,
    last_seq bigint not null,
    last_message_at bigint not null,
    preview text not null,
    contact_seen_seq bigint not null,
    staff_seen_seq bigint not null,
    -- The last answer a mail was written for; no further mail until the contact has seen it.
    mailed_seq bigint not null default 0,
    opened_at bigint not null,
    closed_at bigint
);
create index conversations_post on conversations (post_id, last_message_at);
create index conversations_contact on conversations (contact_id, last_message_at);

-- Other devices that opened a conversation with its claim code or a mail's return link.
create table claims (
    conversation_id uuid not null references conversations (id),
    device_id uuid not null references devices (id),
    claimed_at bigint not null,
    ended_at bigint,
    primary key (conversation_id, device_id)
);
create index claims_device on claims (device_id);

create table messages (
    conversation_id uuid not null references conversations (id),
    seq bigint not null,
    id uuid not null unique,
    kind text not null,
    post_id uuid references posts (id),
    staff_id uuid references staff (id),
    body text not null,
    client_key uuid not null,
    sent_at bigint not null,
    removed_at bigint,
    primary key (conversation_id, seq),
    unique (conversation_id, client_key)
);

create table waits (
    id uuid primary key,
    conversation_id uuid not null references conversations (id),
    post_id uuid not null references posts (id),
    opened_seq bigint not null,
    opened_at bigint not null,
    due_at bigint not null,
    closed_seq bigint,
    closed_at bigint,
    closed_by uuid references staff (id)
);
create unique index waits_open on waits (conversation_id) where closed_at is null;
create index waits_post on waits (post_id, due_at) where closed_at is null;
create index waits_conversation on waits (conversation_id, opened_seq);

create table quick_replies (
    id uuid primary key,
    post_id uuid not null references posts (id),
    title text not null,
    body text not null,
    created_at bigint not null
);
create index quick_replies_post on quick_replies (post_id);

create table scheduled_replies (
    id uuid primary key,
    conversation_id uuid not null references conversations (id),
    staff_id uuid not null references staff (id),
    body text not null,
    client_key uuid not null,
    created_at bigint not null,
    send_at bigint not null,
    sent_at bigint,
    cancelled_at bigint,
    unique (conversation_id, client_key)
);
create index scheduled_replies_due on scheduled_replies (send_at) where sent_at is null and cancelled_at is null;

-- Mails to send, written in the same transaction as what they announce.
create table outbox (
    id uuid primary key,
    kind text not null,
    recipient text not null,
    language text not null,
    conversation_id uuid references conversations (id),
    invitation_id uuid references invitations (id),
    created_at bigint not null,
    due_at bigint not null,
    attempts bigint not null,
    last_error text,
    sent_at bigint,
    cancelled_at bigint,
    failed_at bigint
);
create index outbox_due on outbox (due_at) where sent_at is null and cancelled_at is null and failed_at is null;
create index outbox_conversation on outbox (conversation_id);

create table audit_entries (
    seq bigint primary key,
    at bigint not null,
    staff_id uuid,
    action text not null,
    target text not null,
    detail text not null,
    previous_hash bytea not null,
    hash bytea not null
);
create index audit_entries_target on audit_entries (target);

-- Each message's words as model::search::terms writes them.
create table message_search (
    terms text not null,
    conversation_id uuid not null references conversations (id),
    seq bigint not null,
    primary key (conversation_id, seq)
);
create index message_search_terms on message_search using gin (to_tsvector('simple', terms));
