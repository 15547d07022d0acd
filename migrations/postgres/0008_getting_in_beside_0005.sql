-- The second factor. The secret of an authenticator app is derived from the installation's secret, the person and this nonce.
create table authenticators (
    staff_id uuid primary key references staff (id),
    nonce text not null,
    created_at bigint not null,
    -- The last step of 30 seconds whose code was used: no code works twice.
    last_step bigint not null
);

create table recovery_codes (
    staff_id uuid not null references staff (id),
    code_hash bytea not null,
    created_at bigint not null,
    used_at bigint,
    primary key (staff_id, code_hash)
);

create table passkeys (
    id uuid primary key,
    staff_id uuid not null references staff (id),
    credential_id bytea not null unique,
    -- The public key and what else the library keeps of it, as JSON.
    credential text not null,
    name text not null,
    created_at bigint not null,
    used_at bigint
);
create index passkeys_staff on passkeys (staff_id);

-- What a browser was asked and has not answered yet; taken away when it does.
create table ceremonies (
    id uuid primary key,
    staff_id uuid,
    state text not null,
    expires_at bigint not null
);

-- No line: never on trial. Ended: mail goes to everybody.
create table trials (
    id bigint primary key check (id = 1),
    began_at bigint not null,
    ended_at bigint,
    ended_by uuid
);

-- Mails of the outbox that were held back in the trial, and those that came back afterwards. Without references, so that nobody who writes there waits.
create table withheld_mails (
    outbox_id uuid primary key,
    withheld_at bigint not null,
    released_at bigint
);

create table bounces (
    outbox_id uuid primary key,
    bounced_at bigint not null,
    -- As RFC 3463 writes it: 5.1.1
    status text not null
);

create index outbox_invitation on outbox (invitation_id) where invitation_id is not null;

-- When the second factor was shown in this session.
alter table sessions add column proven_at bigint;
