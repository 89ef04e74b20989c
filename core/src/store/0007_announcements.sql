-- Announcements that are for this person.

CREATE TABLE announcement (
    id TEXT PRIMARY KEY,
    ends_at INTEGER,
    -- sealed JSON of AnnouncementView: the server's last word
    body BLOB NOT NULL
) STRICT;
