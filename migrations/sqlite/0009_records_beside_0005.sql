-- What holds at a unit and everywhere below it that has nothing of its own: quiet hours, the promise, the welcome text, limits. A value of null
-- inherits; a locked setting cannot be set further below. A calendar's own row stands in calendars; here it can be locked.
create table settings (
    unit_id blob not null references units (id),
    name text not null,
    value text,
    is_locked integer not null default 0,
    updated_by blob references staff (id),
    updated_at integer not null,
    primary key (unit_id, name)
) strict;
-- The promise no longer belongs to the calendar; versions before this one go on reading it there.
insert into settings (unit_id, name, value, updated_at) select unit_id, 'promise_minutes', promise_minutes, updated_at from calendars;

-- Where in the tree an entry belongs, so that an auditor of a subtree finds it.
alter table audit_entries add column unit_id blob;
-- Of what is emptied when an entry's time is over: it stays, so that the hash still says when the entry was written.
alter table audit_entries add column digest blob;
create index audit_entries_staff on audit_entries (staff_id, seq);
create index audit_entries_unit on audit_entries (unit_id, seq);
create index audit_entries_action on audit_entries (action, seq);
create index audit_entries_at on audit_entries (at);

-- The end of the chain, so that one that was cut off is noticed. An anchor kept outside the database says more.
create table audit_head (
    id integer primary key check (id = 1),
    seq integer not null,
    hash blob not null
) strict;
insert into audit_head (id, seq, hash) values (1, coalesce((select max(seq) from audit_entries), 0), coalesce((select hash from audit_entries order by seq desc limit 1), x''));
create trigger audit_head_follows after insert on audit_entries begin
    update audit_head set seq = new.seq, hash = new.hash where id = 1;
end;
create trigger audit_head_never_goes_back before update on audit_head when new.seq <= old.seq begin
    select raise(abort, 'audit entries are never taken back');
end;
create trigger audit_head_stays before delete on audit_head begin
    select raise(abort, 'audit entries are never taken back');
end;

-- Nothing is changed or deleted, except that who, where and what may be emptied of an entry that is older than 190 days by the machine's own clock,
-- once a newer entry in the chain says so. Of those the newest is looked at, which is there before anything is emptied.
create trigger audit_entries_keep before update on audit_entries when not coalesce(
    new.seq = old.seq and new.at = old.at and new.previous_hash = old.previous_hash and new.hash = old.hash
    and old.digest is not null and new.digest is old.digest
    and new.staff_id is null and new.unit_id is null and new.action = '' and new.target = '' and new.detail = ''
    and old.action <> 'audit.retain' and old.at <= unixepoch() * 1000 - 190 * 86400000
    and exists (select 1 from audit_entries r where r.seq = (select max(seq) from audit_entries where action = 'audit.retain')
        and r.seq > old.seq and r.at >= old.at + 190 * 86400000), 0)
begin
    select raise(abort, 'audit entries are never changed');
end;
create trigger audit_entries_stay before delete on audit_entries begin
    select raise(abort, 'audit entries are never deleted');
end;
