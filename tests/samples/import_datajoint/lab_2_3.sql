--
-- PostgreSQL database dump
--


-- Dumped from database version 18.4
-- Dumped by pg_dump version 18.4

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: animal; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA animal;


--
-- Name: lab2; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA lab2;


--
-- Name: enum_e54fc739; Type: TYPE; Schema: animal; Owner: -
--

CREATE TYPE animal.enum_e54fc739 AS ENUM (
    'M',
    'F',
    'U'
);


--
-- Name: enum_292ab833; Type: TYPE; Schema: lab2; Owner: -
--

CREATE TYPE lab2.enum_292ab833 AS ENUM (
    'hit',
    'miss'
);


--
-- Name: enum_609a743e; Type: TYPE; Schema: lab2; Owner: -
--

CREATE TYPE lab2.enum_609a743e AS ENUM (
    'pending',
    'reserved',
    'success',
    'error',
    'ignore'
);


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: #species; Type: TABLE; Schema: animal; Owner: -
--

CREATE TABLE animal."#species" (
    species character varying(20) NOT NULL
);


--
-- Name: TABLE "#species"; Type: COMMENT; Schema: animal; Owner: -
--

COMMENT ON TABLE animal."#species" IS 'kinds of animals';


--
-- Name: COLUMN "#species".species; Type: COMMENT; Schema: animal; Owner: -
--

COMMENT ON COLUMN animal."#species".species IS ':varchar(20):';


--
-- Name: animal; Type: TABLE; Schema: animal; Owner: -
--

CREATE TABLE animal.animal (
    animal_id bigint NOT NULL,
    species character varying(20) NOT NULL,
    sex animal.enum_e54fc739 DEFAULT 'U'::animal.enum_e54fc739 NOT NULL,
    nick character varying(30) DEFAULT ''::character varying NOT NULL,
    legs smallint DEFAULT '0'::smallint NOT NULL,
    weight real,
    price numeric(8,2) DEFAULT 1.50 NOT NULL,
    alive boolean DEFAULT true NOT NULL,
    born date,
    seen timestamp without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    notes jsonb,
    photo bytea,
    token uuid
);


--
-- Name: COLUMN animal.animal_id; Type: COMMENT; Schema: animal; Owner: -
--

COMMENT ON COLUMN animal.animal.animal_id IS ':int64:';


--
-- Name: COLUMN animal.sex; Type: COMMENT; Schema: animal; Owner: -
--

COMMENT ON COLUMN animal.animal.sex IS ':enum(''M'', ''F'', ''U''):';


--
-- Name: COLUMN animal.nick; Type: COMMENT; Schema: animal; Owner: -
--

COMMENT ON COLUMN animal.animal.nick IS ':varchar(30):';


--
-- Name: COLUMN animal.legs; Type: COMMENT; Schema: animal; Owner: -
--

COMMENT ON COLUMN animal.animal.legs IS ':int16:';


--
-- Name: COLUMN animal.weight; Type: COMMENT; Schema: animal; Owner: -
--

COMMENT ON COLUMN animal.animal.weight IS ':float32:';


--
-- Name: COLUMN animal.price; Type: COMMENT; Schema: animal; Owner: -
--

COMMENT ON COLUMN animal.animal.price IS ':decimal(8,2):';


--
-- Name: COLUMN animal.alive; Type: COMMENT; Schema: animal; Owner: -
--

COMMENT ON COLUMN animal.animal.alive IS ':bool:';


--
-- Name: COLUMN animal.born; Type: COMMENT; Schema: animal; Owner: -
--

COMMENT ON COLUMN animal.animal.born IS ':date:';


--
-- Name: COLUMN animal.seen; Type: COMMENT; Schema: animal; Owner: -
--

COMMENT ON COLUMN animal.animal.seen IS ':datetime:';


--
-- Name: COLUMN animal.notes; Type: COMMENT; Schema: animal; Owner: -
--

COMMENT ON COLUMN animal.animal.notes IS ':json:';


--
-- Name: COLUMN animal.photo; Type: COMMENT; Schema: animal; Owner: -
--

COMMENT ON COLUMN animal.animal.photo IS ':bytes:';


--
-- Name: COLUMN animal.token; Type: COMMENT; Schema: animal; Owner: -
--

COMMENT ON COLUMN animal.animal.token IS ':uuid:';


--
-- Name: ~lineage; Type: TABLE; Schema: animal; Owner: -
--

CREATE TABLE animal."~lineage" (
    table_name character varying(64) NOT NULL,
    attribute_name character varying(64) NOT NULL,
    lineage character varying(255) NOT NULL
);


--
-- Name: #setting; Type: TABLE; Schema: lab2; Owner: -
--

CREATE TABLE lab2."#setting" (
    gain double precision NOT NULL,
    _singleton boolean DEFAULT true NOT NULL
);


--
-- Name: TABLE "#setting"; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON TABLE lab2."#setting" IS 'one row at most';


--
-- Name: COLUMN "#setting".gain; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2."#setting".gain IS ':float64:';


--
-- Name: COLUMN "#setting"._singleton; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2."#setting"._singleton IS ':bool:singleton primary key';


--
-- Name: Weird Col; Type: TABLE; Schema: lab2; Owner: -
--

CREATE TABLE lab2."Weird Col" (
    "A b" integer NOT NULL
);


--
-- Name: __rate; Type: TABLE; Schema: lab2; Owner: -
--

CREATE TABLE lab2.__rate (
    animal_id bigint NOT NULL,
    session smallint NOT NULL,
    rate double precision NOT NULL,
    _job_start_time timestamp(3) without time zone DEFAULT NULL::timestamp without time zone,
    _job_duration real,
    _job_version character varying(64) DEFAULT ''::character varying NOT NULL
);


--
-- Name: COLUMN __rate.rate; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2.__rate.rate IS ':float64:';


--
-- Name: COLUMN __rate._job_start_time; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2.__rate._job_start_time IS ':datetime(3):when computation began';


--
-- Name: COLUMN __rate._job_duration; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2.__rate._job_duration IS ':float32:computation duration in seconds';


--
-- Name: COLUMN __rate._job_version; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2.__rate._job_version IS ':varchar(64):code version';


--
-- Name: session; Type: TABLE; Schema: lab2; Owner: -
--

CREATE TABLE lab2.session (
    animal_id bigint NOT NULL,
    session smallint NOT NULL,
    other_species character varying(20),
    started timestamp(3) without time zone NOT NULL
);


--
-- Name: COLUMN session.session; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2.session.session IS ':int16:';


--
-- Name: COLUMN session.started; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2.session.started IS ':datetime(3):';


--
-- Name: seen; Type: VIEW; Schema: lab2; Owner: -
--

CREATE VIEW lab2.seen AS
 SELECT animal_id,
    session,
    other_species,
    started
   FROM lab2.session;


--
-- Name: session__trial; Type: TABLE; Schema: lab2; Owner: -
--

CREATE TABLE lab2.session__trial (
    animal_id bigint NOT NULL,
    session smallint NOT NULL,
    trial integer NOT NULL,
    outcome lab2.enum_292ab833 NOT NULL
);


--
-- Name: COLUMN session__trial.trial; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2.session__trial.trial IS ':int32:';


--
-- Name: COLUMN session__trial.outcome; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2.session__trial.outcome IS ':enum(''hit'', ''miss''):';


--
-- Name: stored; Type: TABLE; Schema: lab2; Owner: -
--

CREATE TABLE lab2.stored (
    stored_id integer NOT NULL,
    big jsonb NOT NULL,
    doc jsonb NOT NULL,
    raw jsonb NOT NULL,
    trace jsonb NOT NULL,
    thing jsonb NOT NULL,
    movie jsonb NOT NULL
);


--
-- Name: COLUMN stored.stored_id; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2.stored.stored_id IS ':int32:';


--
-- Name: COLUMN stored.big; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2.stored.big IS ':<blob@ext>:';


--
-- Name: COLUMN stored.doc; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2.stored.doc IS ':<attach@ext>:';


--
-- Name: COLUMN stored.raw; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2.stored.raw IS ':<hash@ext>:';


--
-- Name: COLUMN stored.trace; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2.stored.trace IS ':<npy@ext>:';


--
-- Name: COLUMN stored.thing; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2.stored.thing IS ':<object@ext>:';


--
-- Name: COLUMN stored.movie; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2.stored.movie IS ':<filepath@raw>:';


--
-- Name: values; Type: TABLE; Schema: lab2; Owner: -
--

CREATE TABLE lab2."values" (
    value_id integer NOT NULL,
    inline bytea,
    file bytea,
    tree bytea
);


--
-- Name: COLUMN "values".value_id; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2."values".value_id IS ':int32:';


--
-- Name: COLUMN "values".inline; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2."values".inline IS ':<blob>:';


--
-- Name: COLUMN "values".file; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2."values".file IS ':<attach>:';


--
-- Name: COLUMN "values".tree; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2."values".tree IS ':<graph>:';


--
-- Name: ~lineage; Type: TABLE; Schema: lab2; Owner: -
--

CREATE TABLE lab2."~lineage" (
    table_name character varying(64) NOT NULL,
    attribute_name character varying(64) NOT NULL,
    lineage character varying(255) NOT NULL
);


--
-- Name: ~~rate; Type: TABLE; Schema: lab2; Owner: -
--

CREATE TABLE lab2."~~rate" (
    animal_id bigint NOT NULL,
    session smallint NOT NULL,
    status lab2.enum_609a743e NOT NULL,
    priority smallint NOT NULL,
    created_time timestamp(3) without time zone DEFAULT CURRENT_TIMESTAMP(3) NOT NULL,
    scheduled_time timestamp(3) without time zone DEFAULT CURRENT_TIMESTAMP(3) NOT NULL,
    reserved_time timestamp(3) without time zone DEFAULT NULL::timestamp without time zone,
    completed_time timestamp(3) without time zone DEFAULT NULL::timestamp without time zone,
    duration double precision,
    error_message character varying(2047) DEFAULT ''::character varying NOT NULL,
    error_stack bytea,
    "user" character varying(255) DEFAULT ''::character varying NOT NULL,
    host character varying(255) DEFAULT ''::character varying NOT NULL,
    pid integer DEFAULT 0 NOT NULL,
    connection_id bigint DEFAULT '0'::bigint NOT NULL,
    version character varying(64) DEFAULT ''::character varying NOT NULL
);


--
-- Name: TABLE "~~rate"; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON TABLE lab2."~~rate" IS 'Job queue for "lab2"."__rate"';


--
-- Name: COLUMN "~~rate".status; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2."~~rate".status IS ':enum(''pending'', ''reserved'', ''success'', ''error'', ''ignore''):';


--
-- Name: COLUMN "~~rate".priority; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2."~~rate".priority IS ':int8:';


--
-- Name: COLUMN "~~rate".created_time; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2."~~rate".created_time IS ':datetime(3):';


--
-- Name: COLUMN "~~rate".scheduled_time; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2."~~rate".scheduled_time IS ':datetime(3):';


--
-- Name: COLUMN "~~rate".reserved_time; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2."~~rate".reserved_time IS ':datetime(3):';


--
-- Name: COLUMN "~~rate".completed_time; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2."~~rate".completed_time IS ':datetime(3):';


--
-- Name: COLUMN "~~rate".duration; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2."~~rate".duration IS ':float64:';


--
-- Name: COLUMN "~~rate".error_message; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2."~~rate".error_message IS ':varchar(2047):';


--
-- Name: COLUMN "~~rate".error_stack; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2."~~rate".error_stack IS ':<blob>:';


--
-- Name: COLUMN "~~rate"."user"; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2."~~rate"."user" IS ':varchar(255):';


--
-- Name: COLUMN "~~rate".host; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2."~~rate".host IS ':varchar(255):';


--
-- Name: COLUMN "~~rate".pid; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2."~~rate".pid IS ':int32:';


--
-- Name: COLUMN "~~rate".connection_id; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2."~~rate".connection_id IS ':int64:';


--
-- Name: COLUMN "~~rate".version; Type: COMMENT; Schema: lab2; Owner: -
--

COMMENT ON COLUMN lab2."~~rate".version IS ':varchar(64):';


--
-- Data for Name: #species; Type: TABLE DATA; Schema: animal; Owner: -
--

INSERT INTO animal."#species" VALUES ('mouse');
INSERT INTO animal."#species" VALUES ('rat');


--
-- Data for Name: animal; Type: TABLE DATA; Schema: animal; Owner: -
--

INSERT INTO animal.animal VALUES (1099511627776, 'mouse', 'F', '', 0, 0.1, 1.50, true, '2020-02-29', '2021-01-01 00:00:00', '{"a": [1, null]}', '\x00ff', NULL);
INSERT INTO animal.animal VALUES (2, 'rat', 'U', 'Ünï''"\', 0, NULL, -3.25, true, NULL, '2021-01-02 03:04:05', NULL, NULL, '00000000-0000-0000-0000-000000000007');


--
-- Data for Name: ~lineage; Type: TABLE DATA; Schema: animal; Owner: -
--

INSERT INTO animal."~lineage" VALUES ('#species', 'species', 'animal.#species.species');
INSERT INTO animal."~lineage" VALUES ('animal', 'species', 'animal.#species.species');
INSERT INTO animal."~lineage" VALUES ('animal', 'animal_id', 'animal.animal.animal_id');


--
-- Data for Name: #setting; Type: TABLE DATA; Schema: lab2; Owner: -
--

INSERT INTO lab2."#setting" VALUES (1.5, true);


--
-- Data for Name: Weird Col; Type: TABLE DATA; Schema: lab2; Owner: -
--



--
-- Data for Name: __rate; Type: TABLE DATA; Schema: lab2; Owner: -
--

INSERT INTO lab2.__rate VALUES (2, 1, 2.5, '2026-11-30 02:40:51.59', 0.0065538883, '');


--
-- Data for Name: session; Type: TABLE DATA; Schema: lab2; Owner: -
--

INSERT INTO lab2.session VALUES (2, 1, NULL, '2022-01-01 00:00:00.005');
INSERT INTO lab2.session VALUES (2, 2, 'rat', '2022-01-02 00:00:00');


--
-- Data for Name: session__trial; Type: TABLE DATA; Schema: lab2; Owner: -
--

INSERT INTO lab2.session__trial VALUES (2, 1, 1, 'hit');
INSERT INTO lab2.session__trial VALUES (2, 1, 2, 'miss');


--
-- Data for Name: stored; Type: TABLE DATA; Schema: lab2; Owner: -
--

INSERT INTO lab2.stored VALUES (1, '{"hash": "i7wc3niazkzoffri7qmda5jymm", "path": "_hash/lab2/i7wc3niazkzoffri7qmda5jymm", "size": 1594, "store": "ext", "schema": "lab2"}', '{"hash": "rtczuuocngf6mahbxyjka5tlby", "path": "_hash/lab2/rtczuuocngf6mahbxyjka5tlby", "size": 23, "store": "ext", "schema": "lab2"}', '{"hash": "b46h4okzrcensk74exxlgytdce", "path": "_hash/lab2/b46h4okzrcensk74exxlgytdce", "size": 12, "store": "ext", "schema": "lab2"}', '{"path": "_schema/lab2/stored/stored_id=1/trace_wDH9MI_H.npy", "dtype": "float64", "shape": [2, 3], "store": "ext"}', '{"ext": null, "path": "_schema/lab2/stored/stored_id=1/thing_6tQPyRRY", "size": 5, "store": "ext", "is_dir": true, "timestamp": "2026-11-30T02:40:51.140473+00:00", "item_count": 1}', '{"path": "2020/movie.avi", "size": 6, "store": "raw", "is_dir": false, "timestamp": "2026-11-30T02:40:51.140883+00:00"}');


--
-- Data for Name: values; Type: TABLE DATA; Schema: lab2; Owner: -
--

INSERT INTO lab2."values" VALUES (1, '\x646a30000402000000000000000a0000000000000005010000000000000078410000000000000041010000000000000005000000000000000e00000000000000000000000000000001000000000000000200000000000000030000000000000004000000000000000a000000000000000501000000000000007424000000000000000102000000000000000a00000000000000050100000000000000610100000000000000ff', '\x6e6f74652e74787400696e6c696e652000206279746573', '\x646a3000020100000000000000210000000000000001020000000000000004000000000000000a01000104000000000000000a010002');
INSERT INTO lab2."values" VALUES (2, NULL, NULL, NULL);


--
-- Data for Name: ~lineage; Type: TABLE DATA; Schema: lab2; Owner: -
--

INSERT INTO lab2."~lineage" VALUES ('#setting', '_singleton', 'lab2.#setting._singleton');
INSERT INTO lab2."~lineage" VALUES ('session', 'animal_id', 'animal.animal.animal_id');
INSERT INTO lab2."~lineage" VALUES ('session', 'other_species', 'animal.#species.species');
INSERT INTO lab2."~lineage" VALUES ('session', 'session', 'lab2.session.session');
INSERT INTO lab2."~lineage" VALUES ('session__trial', 'animal_id', 'animal.animal.animal_id');
INSERT INTO lab2."~lineage" VALUES ('session__trial', 'session', 'lab2.session.session');
INSERT INTO lab2."~lineage" VALUES ('session__trial', 'trial', 'lab2.session__trial.trial');
INSERT INTO lab2."~lineage" VALUES ('values', 'value_id', 'lab2.values.value_id');
INSERT INTO lab2."~lineage" VALUES ('stored', 'stored_id', 'lab2.stored.stored_id');
INSERT INTO lab2."~lineage" VALUES ('__rate', 'animal_id', 'animal.animal.animal_id');
INSERT INTO lab2."~lineage" VALUES ('__rate', 'session', 'lab2.session.session');
INSERT INTO lab2."~lineage" VALUES ('~~rate', 'animal_id', 'lab2.~~rate.animal_id');
INSERT INTO lab2."~lineage" VALUES ('~~rate', 'session', 'lab2.~~rate.session');


--
-- Data for Name: ~~rate; Type: TABLE DATA; Schema: lab2; Owner: -
--

INSERT INTO lab2."~~rate" VALUES (2, 2, 'error', 5, '2026-11-30 02:40:51.372', '2026-11-30 02:40:51.369', '2026-11-30 02:40:51.598', '2026-11-30 02:40:51.604', NULL, 'ValueError: no spikes', '\x646a300005140000000000000054726163656261636b3a206e6f207370696b6573', 'levada', 'vm', 27492, 27814, '');


--
-- Name: #species #species_pkey; Type: CONSTRAINT; Schema: animal; Owner: -
--

ALTER TABLE ONLY animal."#species"
    ADD CONSTRAINT "#species_pkey" PRIMARY KEY (species);


--
-- Name: animal animal_pkey; Type: CONSTRAINT; Schema: animal; Owner: -
--

ALTER TABLE ONLY animal.animal
    ADD CONSTRAINT animal_pkey PRIMARY KEY (animal_id);


--
-- Name: ~lineage ~lineage_pkey; Type: CONSTRAINT; Schema: animal; Owner: -
--

ALTER TABLE ONLY animal."~lineage"
    ADD CONSTRAINT "~lineage_pkey" PRIMARY KEY (table_name, attribute_name);


--
-- Name: #setting #setting_pkey; Type: CONSTRAINT; Schema: lab2; Owner: -
--

ALTER TABLE ONLY lab2."#setting"
    ADD CONSTRAINT "#setting_pkey" PRIMARY KEY (_singleton);


--
-- Name: Weird Col Weird Col_pkey; Type: CONSTRAINT; Schema: lab2; Owner: -
--

ALTER TABLE ONLY lab2."Weird Col"
    ADD CONSTRAINT "Weird Col_pkey" PRIMARY KEY ("A b");


--
-- Name: __rate __rate_pkey; Type: CONSTRAINT; Schema: lab2; Owner: -
--

ALTER TABLE ONLY lab2.__rate
    ADD CONSTRAINT __rate_pkey PRIMARY KEY (animal_id, session);


--
-- Name: session__trial session__trial_pkey; Type: CONSTRAINT; Schema: lab2; Owner: -
--

ALTER TABLE ONLY lab2.session__trial
    ADD CONSTRAINT session__trial_pkey PRIMARY KEY (animal_id, session, trial);


--
-- Name: session session_pkey; Type: CONSTRAINT; Schema: lab2; Owner: -
--

ALTER TABLE ONLY lab2.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (animal_id, session);


--
-- Name: stored stored_pkey; Type: CONSTRAINT; Schema: lab2; Owner: -
--

ALTER TABLE ONLY lab2.stored
    ADD CONSTRAINT stored_pkey PRIMARY KEY (stored_id);


--
-- Name: values values_pkey; Type: CONSTRAINT; Schema: lab2; Owner: -
--

ALTER TABLE ONLY lab2."values"
    ADD CONSTRAINT values_pkey PRIMARY KEY (value_id);


--
-- Name: ~lineage ~lineage_pkey; Type: CONSTRAINT; Schema: lab2; Owner: -
--

ALTER TABLE ONLY lab2."~lineage"
    ADD CONSTRAINT "~lineage_pkey" PRIMARY KEY (table_name, attribute_name);


--
-- Name: ~~rate ~~rate_pkey; Type: CONSTRAINT; Schema: lab2; Owner: -
--

ALTER TABLE ONLY lab2."~~rate"
    ADD CONSTRAINT "~~rate_pkey" PRIMARY KEY (animal_id, session);


--
-- Name: idx_animal_species; Type: INDEX; Schema: animal; Owner: -
--

CREATE INDEX idx_animal_species ON animal.animal USING btree (species);


--
-- Name: idx_session_other_species; Type: INDEX; Schema: lab2; Owner: -
--

CREATE INDEX idx_session_other_species ON lab2.session USING btree (other_species);


--
-- Name: idx_session_started; Type: INDEX; Schema: lab2; Owner: -
--

CREATE UNIQUE INDEX idx_session_started ON lab2.session USING btree (started);


--
-- Name: idx_~~rate_status_priority_scheduled_time; Type: INDEX; Schema: lab2; Owner: -
--

CREATE INDEX "idx_~~rate_status_priority_scheduled_time" ON lab2."~~rate" USING btree (status, priority, scheduled_time);


--
-- Name: animal animal_species_fkey; Type: FK CONSTRAINT; Schema: animal; Owner: -
--

ALTER TABLE ONLY animal.animal
    ADD CONSTRAINT animal_species_fkey FOREIGN KEY (species) REFERENCES animal."#species"(species) ON UPDATE CASCADE ON DELETE RESTRICT;


--
-- Name: __rate __rate_animal_id_session_fkey; Type: FK CONSTRAINT; Schema: lab2; Owner: -
--

ALTER TABLE ONLY lab2.__rate
    ADD CONSTRAINT __rate_animal_id_session_fkey FOREIGN KEY (animal_id, session) REFERENCES lab2.session(animal_id, session) ON UPDATE CASCADE ON DELETE RESTRICT;


--
-- Name: session__trial session__trial_animal_id_session_fkey; Type: FK CONSTRAINT; Schema: lab2; Owner: -
--

ALTER TABLE ONLY lab2.session__trial
    ADD CONSTRAINT session__trial_animal_id_session_fkey FOREIGN KEY (animal_id, session) REFERENCES lab2.session(animal_id, session) ON UPDATE CASCADE ON DELETE RESTRICT;


--
-- Name: session session_animal_id_fkey; Type: FK CONSTRAINT; Schema: lab2; Owner: -
--

ALTER TABLE ONLY lab2.session
    ADD CONSTRAINT session_animal_id_fkey FOREIGN KEY (animal_id) REFERENCES animal.animal(animal_id) ON UPDATE CASCADE ON DELETE RESTRICT;


--
-- Name: session session_other_species_fkey; Type: FK CONSTRAINT; Schema: lab2; Owner: -
--

ALTER TABLE ONLY lab2.session
    ADD CONSTRAINT session_other_species_fkey FOREIGN KEY (other_species) REFERENCES animal."#species"(species) ON UPDATE CASCADE ON DELETE RESTRICT;


--
-- PostgreSQL database dump complete
--


