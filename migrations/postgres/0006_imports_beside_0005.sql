-- Asked for by registers; seen by admins only.
alter table staff add column phone text;

-- Registers brought in as a file: who, for which subtree, the file itself, how it is read, how far it has come, and for a time what takes it back.
create table imports (
    id uuid primary key,
    unit_id uuid not null,
    -- Nobody for the command line.
    staff_id uuid,
    file_name text not null,
    -- Packed, until it is applied or given up.
    file bytea,
    -- How sheets and columns are read, and cells typed over: JSON.
    choices text not null,
    mode text not null,
    state text not null,
    created_at bigint not null,
    -- Signs of life of whoever is at it, and how far they are.
    beat_at bigint not null,
    done bigint not null default 0,
    total bigint not null default 0,
    -- Another one each time it is compared: what is applied is what was seen.
    mark text,
    -- What it would change or has changed, for the page: packed JSON; and its numbers: JSON.
    plan bytea,
    summary text,
    error text,
    applied_at bigint,
    -- Which was applied after which.
    applied_seq bigint,
    undone_at bigint,
    -- Conversations that have gone to other posts and are to be told, JSON, and how many have been.
    moves text,
    moves_done bigint not null default 0,
    -- Packed JSON, for thirty days; and what ending posts has touched besides.
    undo bytea,
    extra text
);
create index imports_unit on imports (unit_id, created_at);
