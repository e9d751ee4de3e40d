-- A dossier's participants page by page, in the order of their keys.
-- depends: 0017_notices

-- migrate: apply

CREATE INDEX participants_listed ON participants (dossier_id, key);
DROP INDEX participants_dossier;

-- migrate: rollback

CREATE INDEX participants_dossier ON participants (dossier_id);
DROP INDEX participants_listed;
