-- What holds at a unit and everywhere below it that has nothing of its own: quiet hours, the promise, the welcome text, limits. A value of null
-- inherits; a locked setting cannot be set further below. A calendar's own row stands in calendars; here it can be locked.
create table settings (
    unit_id uuid not null references units (id),
    name text not null,
    value text,
    is_locked bigint not null default 0,
    updated_by uuid references staff (id),
    updated_at bigint not null,
    primary key (unit_id, name)
);
-- The promise no longer belongs to the calendar; versions before this one go on reading it there.
insert into settings (unit_id, name, value, updated_at) select unit_id, 'promise_minutes', cast(promise_minutes as text), updated_at from calendars;

-- Where in the tree an entry belongs, so that an auditor of a subtree finds it.
alter table audit_entries add column unit_id uuid;
-- Of what is emptied when an entry's time is over: it stays, so that the hash still says when the entry was written.
alter table audit_entries add column digest bytea;
create index audit_entries_staff on audit_entries (staff_id, seq);
create index audit_entries_unit on audit_entries (unit_id, seq);
create index audit_entries_action on audit_entries (action, seq);
create index audit_entries_at on audit_entries (at);

-- The end of the chain, so that one that was cut off is noticed. An anchor kept outside the database says more.
create table audit_head (
    id bigint primary key check (id = 1),
    seq bigint not null,
    hash bytea not null
);
insert into audit_head (id, seq, hash)
    values (1, coalesce((select max(seq) from audit_entries), 0), coalesce((select hash from audit_entries order by seq desc limit 1), ''::bytea));
create function audit_head_follows() returns trigger language plpgsql as $$
begin
    update audit_head set seq = new.seq, hash = new.hash where id = 1;
    return null;
end $$;
create trigger audit_head_follows after insert on audit_entries for each row execute function audit_head_follows();

-- Nothing is changed or deleted, except that who, where and what may be emptied of an entry that is older than 190 days by the database's own clock,
-- once a newer entry in the chain says so. Of those the newest is looked at, which is there before anything is emptied.
create function audit_refuse() returns trigger language plpgsql as $$
begin
    raise exception 'audit entries are never changed, deleted or taken back';
end $$;
create function audit_entries_keep() returns trigger language plpgsql as $$
begin
    if new.seq = old.seq and new.at = old.at and new.previous_hash = old.previous_hash and new.hash = old.hash
        and old.digest is not null and new.digest = old.digest
        and new.staff_id is null and new.unit_id is null and new.action = '' and new.target = '' and new.detail = ''
        and old.action <> 'audit.retain' and old.at <= extract(epoch from clock_timestamp()) * 1000 - 190 * 86400000::bigint
        and exists (select 1 from audit_entries r where r.seq = (select max(seq) from audit_entries where action = 'audit.retain')
            and r.seq > old.seq and r.at >= old.at + 190 * 86400000::bigint)
    then
        return new;
    end if;
    raise exception 'audit entries are never changed';
end $$;
create trigger audit_entries_keep before update on audit_entries for each row execute function audit_entries_keep();
create trigger audit_entries_stay before delete on audit_entries for each row execute function audit_refuse();
create trigger audit_entries_all_stay before truncate on audit_entries for each statement execute function audit_refuse();
create trigger audit_head_never_goes_back before update on audit_head for each row when (new.seq <= old.seq) execute function audit_refuse();
create trigger audit_head_stays before delete on audit_head for each row execute function audit_refuse();
create trigger audit_head_all_stays before truncate on audit_head for each statement execute function audit_refuse();
