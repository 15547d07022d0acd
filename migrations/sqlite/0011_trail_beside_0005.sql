-- On PostgreSQL the end of the chain follows each statement from here on. SQLite only knows triggers for each row, and is quick at it.
select 1;
