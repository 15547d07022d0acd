-- Only new tables: programs that do not know them work on beside.

-- Grants of a whole district (or city, bureau, or what stands at the top) that a second admin has not confirmed. Who may do what is decided by
-- grants alone; a confirmed one is written there under the same id.
create table proposed_grants (
    id uuid primary key,
    staff_id uuid not null references staff (id),
    role text not null,
    unit_id uuid not null references units (id),
    from_at bigint not null,
    until_at bigint,
    proposed_by uuid not null references staff (id),
    proposed_at bigint not null,
    expires_at bigint not null,
    -- Confirmed, refused or run out.
    decided_at bigint
);
create index proposed_grants_open on proposed_grants (unit_id) where decided_at is null;

-- Times for which somebody will not be there, known beforehand.
create table absences (
    id uuid primary key,
    staff_id uuid not null references staff (id),
    from_at bigint not null,
    until_at bigint not null,
    reason text not null,
    -- Who stands in for all posts of the absent; without one it is each post's own substitute.
    substitute_id uuid references posts (id),
    created_by uuid not null references staff (id),
    created_at bigint not null
);
create index absences_staff on absences (staff_id, until_at);

-- Somebody leaves on a day that has not come yet.
create table leavings (
    staff_id uuid primary key references staff (id),
    leaves_at bigint not null,
    created_by uuid not null references staff (id),
    created_at bigint not null
);

-- The holdings that this leaving made or changed, as they were before: whoever stays after all, or leaves on another day, gets them back.
create table leaving_holdings (
    staff_id uuid not null references staff (id),
    holding_id uuid not null,
    -- 1 if there was none before.
    is_new bigint not null,
    post_id uuid not null references posts (id),
    holder_id uuid not null references staff (id),
    from_at bigint not null,
    until_at bigint,
    primary key (staff_id, holding_id)
);

-- Holdings that were to end and go on for some days, because somebody waits whom nobody else would answer.
create table kept_holdings (
    holding_id uuid primary key,
    was_until bigint not null,
    kept_at bigint not null
);

-- Moments at which the holders of a post may change, of which its open conversations are to be told.
create table tellings (
    post_id uuid not null references posts (id),
    due_at bigint not null,
    told_at bigint,
    primary key (post_id, due_at)
);
create index tellings_due on tellings (due_at) where told_at is null;

-- Conversations that began at another post because the one behind the sticker had as many as it can serve. No foreign key to conversations:
-- while the table is made, nobody who writes is held up.
create table overflows (
    conversation_id uuid primary key,
    post_id uuid not null,
    at bigint not null
);
create index overflows_post on overflows (post_id, at);
