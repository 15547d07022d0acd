-- Only new tables: programs that do not know them work on beside.

-- Grants of a whole district (or city, bureau, or what stands at the top) that a second admin has not confirmed. Who may do what is decided by
-- grants alone; a confirmed one is written there under the same id.
create table proposed_grants (
    id blob primary key,
    staff_id blob not null references staff (id),
    role text not null,
    unit_id blob not null references units (id),
    from_at integer not null,
    until_at integer,
    proposed_by blob not null references staff (id),
    proposed_at integer not null,
    expires_at integer not null,
    -- Confirmed, refused or run out.
    decided_at integer
) strict;
create index proposed_grants_open on proposed_grants (unit_id) where decided_at is null;

-- Times for which somebody will not be there, known beforehand.
create table absences (
    id blob primary key,
    staff_id blob not null references staff (id),
    from_at integer not null,
    until_at integer not null,
    reason text not null,
    -- Who stands in for all posts of the absent; without one it is each post's own substitute.
    substitute_id blob references posts (id),
    created_by blob not null references staff (id),
    created_at integer not null
) strict;
create index absences_staff on absences (staff_id, until_at);

-- Somebody leaves on a day that has not come yet.
create table leavings (
    staff_id blob primary key references staff (id),
    leaves_at integer not null,
    created_by blob not null references staff (id),
    created_at integer not null
) strict;

-- The holdings that this leaving made or changed, as they were before: whoever stays after all, or leaves on another day, gets them back.
create table leaving_holdings (
    staff_id blob not null references staff (id),
    holding_id blob not null,
    -- 1 if there was none before.
    is_new integer not null,
    post_id blob not null references posts (id),
    holder_id blob not null references staff (id),
    from_at integer not null,
    until_at integer,
    primary key (staff_id, holding_id)
) strict;

-- Holdings that were to end and go on for some days, because somebody waits whom nobody else would answer.
create table kept_holdings (
    holding_id blob primary key,
    was_until integer not null,
    kept_at integer not null
) strict;

-- Moments at which the holders of a post may change, of which its open conversations are to be told.
create table tellings (
    post_id blob not null references posts (id),
    due_at integer not null,
    told_at integer,
    primary key (post_id, due_at)
) strict;
create index tellings_due on tellings (due_at) where told_at is null;

-- Conversations that began at another post because the one behind the sticker had as many as it can serve. No foreign key to conversations:
-- while the table is made, nobody who writes is held up.
create table overflows (
    conversation_id blob primary key,
    post_id blob not null,
    at integer not null
) strict;
create index overflows_post on overflows (post_id, at);
