-- The second factor. The secret of an authenticator app is derived from the installation's secret, the person and this nonce.
create table authenticators (
    staff_id blob primary key references staff (id),
    nonce text not null,
    created_at integer not null,
    -- The last step of 30 seconds whose code was used: no code works twice.
    last_step integer not null
) strict;

create table recovery_codes (
    staff_id blob not null references staff (id),
    code_hash blob not null,
    created_at integer not null,
    used_at integer,
    primary key (staff_id, code_hash)
) strict;

create table passkeys (
    id blob primary key,
    staff_id blob not null references staff (id),
    credential_id blob not null unique,
    -- The public key and what else the library keeps of it, as JSON.
    credential text not null,
    name text not null,
    created_at integer not null,
    used_at integer
) strict;
create index passkeys_staff on passkeys (staff_id);

-- What a browser was asked and has not answered yet; taken away when it does.
create table ceremonies (
    id blob primary key,
    staff_id blob,
    state text not null,
    expires_at integer not null
) strict;

-- Units on trial: mail of what is there and below goes to their own admins only. No line, or one that has ended: mail goes to everybody.
create table trials (
    unit_id blob primary key references units (id),
    began_at integer not null,
    ended_at integer,
    ended_by blob,
    -- 1 if what residents would have been told of goes out after all.
    is_released integer not null default 0,
    -- When everything that was held back had been released or forgotten.
    settled_at integer
) strict;

-- Mails of the outbox that were held back in a unit's trial, and those that came back afterwards. Without references, so that nobody who writes
-- there waits.
create table withheld_mails (
    outbox_id blob primary key,
    unit_id blob not null,
    withheld_at integer not null,
    released_at integer
) strict;
create index withheld_mails_unit on withheld_mails (unit_id) where released_at is null;

create table bounces (
    outbox_id blob primary key,
    bounced_at integer not null,
    -- As RFC 3463 writes it: 5.1.1
    status text not null
) strict;

create index outbox_invitation on outbox (invitation_id) where invitation_id is not null;

-- When the second factor was shown in this session.
alter table sessions add column proven_at integer;
