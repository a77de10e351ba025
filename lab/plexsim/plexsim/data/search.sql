-- What stock SQLite cannot handle: an index in ICU order, full-text tables with ICU's tokenizer and the
-- triggers that feed them. Executed by a connection that knows both (schema.connect); everybody else
-- meets "no such collation sequence: icu_root" and "unknown tokenizer: collating", as with the real file.

CREATE INDEX index_title_sort_icu
    ON metadata_items (title_sort COLLATE icu_root);

CREATE VIRTUAL TABLE fts4_metadata_titles
    USING fts4(content='metadata_items', title, title_sort, original_title);
CREATE VIRTUAL TABLE fts4_tag_titles
    USING fts4(content='tags', tag);
CREATE VIRTUAL TABLE fts4_metadata_titles_icu
    USING fts4(content='metadata_items', title, title_sort, original_title,
               tokenize=collating 'root@colStrength=primary;colAlternate=shifted');
CREATE VIRTUAL TABLE fts4_tag_titles_icu
    USING fts4(content='tags', tag, tokenize=collating 'root@colStrength=primary;colAlternate=shifted');
CREATE VIRTUAL TABLE locations
    USING rtree(id integer, lat_min float, lat_max float, lon_min float, lon_max float);

CREATE TRIGGER fts4_metadata_titles_before_update_icu
    BEFORE UPDATE OF title, title_sort, original_title ON metadata_items
BEGIN
    DELETE FROM fts4_metadata_titles_icu WHERE docid = old.rowid;
END;
CREATE TRIGGER fts4_metadata_titles_after_update_icu
    AFTER UPDATE OF title, title_sort, original_title ON metadata_items
BEGIN
    INSERT INTO fts4_metadata_titles_icu (docid, title, title_sort, original_title)
    VALUES (new.rowid, new.title, new.title_sort, new.original_title);
END;
CREATE TRIGGER fts4_metadata_titles_before_delete_icu
    BEFORE DELETE ON metadata_items
BEGIN
    DELETE FROM fts4_metadata_titles_icu WHERE docid = old.rowid;
END;
CREATE TRIGGER fts4_metadata_titles_after_insert_icu
    AFTER INSERT ON metadata_items
BEGIN
    INSERT INTO fts4_metadata_titles_icu (docid, title, title_sort, original_title)
    VALUES (new.rowid, new.title, new.title_sort, new.original_title);
END;
CREATE TRIGGER fts4_tag_titles_before_update_icu
    BEFORE UPDATE ON tags WHEN old.tag_type IN (0, 1, 2, 4, 6, 207, 400)
BEGIN
    DELETE FROM fts4_tag_titles_icu WHERE docid = old.rowid;
END;
CREATE TRIGGER fts4_tag_titles_after_update_icu
    AFTER UPDATE ON tags WHEN new.tag_type IN (0, 1, 2, 4, 6, 207, 400)
BEGIN
    INSERT INTO fts4_tag_titles_icu (docid, tag) VALUES (new.rowid, new.tag);
END;
CREATE TRIGGER fts4_tag_titles_before_delete_icu
    BEFORE DELETE ON tags WHEN old.tag_type IN (0, 1, 2, 4, 6, 207, 400)
BEGIN
    DELETE FROM fts4_tag_titles_icu WHERE docid = old.rowid;
END;
CREATE TRIGGER fts4_tag_titles_after_insert_icu
    AFTER INSERT ON tags WHEN new.tag_type IN (0, 1, 2, 4, 6, 207, 400)
BEGIN
    INSERT INTO fts4_tag_titles_icu (docid, tag) VALUES (new.rowid, new.tag);
END;
