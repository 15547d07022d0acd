-- How often a sticker was scanned on a day, and how often when it was already out of use. Of who scanned it nothing is kept.
create table scans (
    contact_point_id uuid not null references contact_points (id),
    -- Days since 1970 by the clock of China.
    day bigint not null,
    count bigint not null default 0,
    refused bigint not null default 0,
    -- When it was first scanned in use on that day.
    first_at bigint,
    primary key (contact_point_id, day)
);

-- Every conversation began with a scan.
insert into scans (contact_point_id, day, count, first_at)
    select contact_point_id, (opened_at + 28800000) / 86400000, count(*), min(opened_at) from conversations where contact_point_id is not null group by 1, 2;

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

-- A new sticker in the place of an old one. Until `taken_over_at` the old one works too: it ends when somebody writes through the new one, or when an
-- admin says that the new one hangs. A new one may come in the place of several.
create table replacements (
    replaces_id uuid primary key references contact_points (id),
    contact_point_id uuid not null references contact_points (id),
    created_at bigint not null,
    taken_over_at bigint
);
create index replacements_contact_point on replacements (contact_point_id);

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
    -- The download that writes here how far it is: the last that was begun.
    download_id uuid,
    beat_at bigint,
    finished_at bigint
);
create index prints_staff on prints (staff_id, created_at);
