-- Asked for by registers; seen by admins only.
alter table staff add column phone text;

-- Registers brought in as a file: who, for which subtree, the file itself, how it is read, how far it has come, and for a time what takes it back.
create table imports (
    id blob primary key,
    unit_id blob not null,
    -- Nobody for the command line.
    staff_id blob,
    file_name text not null,
    -- Packed, until it is applied or given up.
    file blob,
    -- How sheets and columns are read, and cells typed over: JSON.
    choices text not null,
    mode text not null,
    state text not null,
    created_at integer not null,
    -- Signs of life of whoever is at it, and how far they are.
    beat_at integer not null,
    done integer not null default 0,
    total integer not null default 0,
    -- Another one each time it is compared: what is applied is what was seen.
    mark text,
    -- What it would change or has changed, for the page: packed JSON; and its numbers: JSON.
    plan blob,
    summary text,
    error text,
    applied_at integer,
    -- Which was applied after which.
    applied_seq integer,
    undone_at integer,
    -- Conversations that have gone to other posts and are to be told, JSON, and how many have been.
    moves text,
    moves_done integer not null default 0,
    -- Packed JSON, for thirty days; and what ending posts has touched besides.
    undo blob,
    extra text
) strict;
create index imports_unit on imports (unit_id, created_at);
