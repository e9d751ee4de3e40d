-- Which number of whom stands on which document that was sent: one is not sent twice by mistake.
-- depends: 0011_access

-- migrate: apply

-- sender: whose number it is, in self-billing the seller's; year: of the date of issue.
-- Documents from before this migration are not in it: their date stands in their bytes alone.
CREATE TABLE document_numbers (
    dossier_id uuid NOT NULL,
    sender text NOT NULL,
    kind text NOT NULL,
    number text NOT NULL,
    year integer NOT NULL,
    document_id uuid NOT NULL,
    PRIMARY KEY (dossier_id, sender, kind, number, year)
);

ALTER TABLE document_numbers ENABLE ROW LEVEL SECURITY;
ALTER TABLE document_numbers FORCE ROW LEVEL SECURITY;

CREATE POLICY own_dossier ON document_numbers TO gateway_app
    USING (dossier_id = gateway_dossier());

GRANT SELECT, INSERT, UPDATE (document_id) ON document_numbers TO gateway_app;

-- migrate: rollback

DROP TABLE document_numbers;
