-- What units, posts and places are called in English, where somebody has given them an English name.
alter table units add column name_en text;
alter table posts add column title_en text;
alter table contact_points add column place_en text;
