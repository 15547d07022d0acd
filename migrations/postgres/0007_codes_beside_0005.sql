-- How often a sticker was scanned on a day, and how often when it was already out of use. Of who scanned it nothing is kept.
create table scans (
    contact_point_id uuid not null references contact_points (id),
    -- Days since 1970 by the clock of China.
    day bigint not null,
    count bigint not null default 0,
    refused bigint not null default 0,
    primary key (contact_point_id, day)
);

-- Every conversation began with a scan.
insert into scans (contact_point_id, day, count)
    select contact_point_id, (opened_at + 28800000) / 86400000, count(*) from conversations where contact_point_id is not null group by 1, 2;

-- A resident says that something is wrong with a sticker. Who says it is not kept.
create table sticker_reports (
    id uuid primary key,
    contact_point_id uuid not null references contact_points (id),
    reason text not null,
    body text,
    created_at bigint not null,
    settled_at bigint,
    settled_by uuid references staff (id)
);
create index sticker_reports_open on sticker_reports (contact_point_id) where settled_at is null;

-- A new sticker in the place of an old one. Until `taken_over_at` the old one works too: it ends when the new one is first scanned.
create table replacements (
    contact_point_id uuid primary key references contact_points (id),
    replaces_id uuid not null unique references contact_points (id),
    created_at bigint not null,
    taken_over_at bigint
);

-- Files of codes that somebody asked for, and how far they have come. The file itself is made while it is fetched.
create table prints (
    id uuid primary key,
    staff_id uuid not null references staff (id),
    unit_id uuid not null references units (id),
    format text not null,
    which text not null,
    total bigint not null,
    made bigint not null default 0,
    bytes bigint not null default 0,
    missing text not null default '',
    created_at bigint not null,
    beat_at bigint,
    finished_at bigint
);
create index prints_staff on prints (staff_id, created_at);
