-- Two schemas of MariaDB with everything that no class of DataJoint makes, but that stands beside its tables in laboratories:
-- all of `strange` can come, changed or decided; nothing of `hopeless` can before somebody mends it.
DROP DATABASE IF EXISTS strange;
DROP DATABASE IF EXISTS hopeless;
CREATE DATABASE strange DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
CREATE DATABASE hopeless DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
USE strange;
SET SESSION sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00';

CREATE TABLE `extreme` (
  id bigint unsigned NOT NULL,
  i8 tinyint NOT NULL, u8 tinyint unsigned NOT NULL, i16 smallint NOT NULL, u16 smallint unsigned NOT NULL,
  i24 mediumint NOT NULL, u24 mediumint unsigned NOT NULL, i32 int NOT NULL, u32 int unsigned NOT NULL,
  i64 bigint NOT NULL, u64 bigint unsigned NOT NULL, filled int(8) unsigned zerofill NOT NULL DEFAULT 7,
  f float NOT NULL, d double NOT NULL, exact decimal(38,10) NOT NULL, wide decimal(65,30) NOT NULL,
  one bit(1) NOT NULL DEFAULT b'1', bits bit(5) NOT NULL DEFAULT b'101', all_bits bit(64) NOT NULL,
  words set('a','b','c') NOT NULL, y year NOT NULL, span time(6) NOT NULL, day date NOT NULL, moment datetime(6) NOT NULL,
  seen timestamp(6) NOT NULL DEFAULT current_timestamp(6) ON UPDATE current_timestamp(6),
  bad_day date DEFAULT NULL,
  label enum('it''s','a,b','"q"','\\') NOT NULL DEFAULT 'it''s',
  token uuid NOT NULL, address inet6 NOT NULL, spot point NOT NULL, area geometry DEFAULT NULL,
  packed longblob COMPRESSED DEFAULT NULL, long_text longtext COMPRESSED DEFAULT NULL,
  nul varchar(20) NOT NULL, doc json DEFAULT NULL, none char(0) NOT NULL DEFAULT '',
  hidden int INVISIBLE NOT NULL DEFAULT 3,
  PRIMARY KEY (id), KEY backwards (i8 DESC), SPATIAL KEY spots (spot), KEY part (nul(5))
);
INSERT INTO extreme (id, i8, u8, i16, u16, i24, u24, i32, u32, i64, u64, filled, f, d, exact, wide, one, bits, all_bits, words, y,
  span, day, moment, seen, bad_day, label, token, address, spot, area, packed, long_text, nul, doc, none, hidden) VALUES
 (18446744073709551615, -128, 255, -32768, 65535, -8388608, 16777215, -2147483648, 4294967295, -9223372036854775808,
  18446744073709551615, 12, -3.4028234e38, 1.7976931348623157e308, -9999999999999999999999999999.9999999999,
  99999999999999999999999999999999999.999999999999999999999999999999, b'0', b'11111', x'FFFFFFFFFFFFFFFF', 'a,c', 2155,
  '838:59:59.999999', '9999-12-31', '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07.999999', '2020-02-31', 'a,b',
  '123e4567-e89b-12d3-a456-426614174000', '2001:db8::ff00:42:8329', ST_GeomFromText('POINT(1.5 -2)', 4326),
  ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))'), x'646A30000A010005', 'long', CONCAT('a', x'00', 'b'),
  '{"a": "x\\u0000y", "n": [12345678901234567890, -0.0]}', '', -1),
 (0, 127, 0, 32767, 0, 8388607, 0, 2147483647, 0, 9223372036854775807, 0, 0, 1e-45, 5e-324, 0.0000000001, -0.000000000000000000000000000001,
  b'1', b'0', x'0000000000000000', '', 0, '-838:59:59', '1000-01-01', '1000-01-01 00:00:00', '1970-01-01 00:00:01', '0000-00-00',
  '\\', '00000000-0000-0000-0000-000000000000', '::', ST_GeomFromText('POINT(0 0)'), NULL, NULL, NULL, '', NULL, '', 3);

CREATE TABLE `formula` (
  n int NOT NULL,
  twice int GENERATED ALWAYS AS (n * 2) VIRTUAL,
  thrice int GENERATED ALWAYS AS (n * 3) STORED,
  share double NOT NULL CHECK (share BETWEEN 0 AND 1),
  PRIMARY KEY (n), CONSTRAINT positive CHECK (n > 0)
);
INSERT INTO formula (n, share) VALUES (1, 0.5), (2, 1);

CREATE TABLE `words` (
  n int NOT NULL, doc json NOT NULL, wide varchar(5) CHARACTER SET utf16 NOT NULL, choice enum('x /*n*/','y') NOT NULL,
  PRIMARY KEY (n), KEY wides (wide), CONSTRAINT positive CHECK (n > 5)
);
INSERT INTO words VALUES (6, '{"code": "u0000"}', 'wide', 'x /*n*/');

CREATE TABLE `sliced` (n int NOT NULL, t varchar(5) COLLATE utf8mb4_bin NOT NULL, PRIMARY KEY (n)) PARTITION BY HASH (n) PARTITIONS 3;
INSERT INTO sliced VALUES (1, 'a'), (2, 'A '), (3, 'a ');

CREATE TABLE `past` (n int NOT NULL, t varchar(5) CHARACTER SET latin1 NOT NULL, PRIMARY KEY (n)) WITH SYSTEM VERSIONING;
INSERT INTO past VALUES (1, 'old'), (2, 'gone');
UPDATE past SET t = 'néw' WHERE n = 1;
DELETE FROM past WHERE n = 2;

CREATE TABLE `parent` (a int NOT NULL, b int NOT NULL, code varchar(5) COLLATE utf8mb4_unicode_ci NOT NULL COMMENT 'a code',
  PRIMARY KEY (a, b), UNIQUE KEY codes (code));
INSERT INTO parent VALUES (1, 1, 'x'), (1, 2, 'Y');
CREATE TABLE `child` (c int NOT NULL, a int NOT NULL DEFAULT 1 COMMENT 'not that of the parent', b int DEFAULT NULL,
  code varchar(5) COLLATE utf8mb4_unicode_ci DEFAULT NULL, PRIMARY KEY (c),
  CONSTRAINT to_parent FOREIGN KEY (a, b) REFERENCES parent (a, b) ON DELETE CASCADE,
  CONSTRAINT to_code FOREIGN KEY (code) REFERENCES parent (code) ON DELETE SET NULL ON UPDATE CASCADE);
INSERT INTO child VALUES (1, 1, 2, 'y'), (2, 1, NULL, NULL);

CREATE TABLE `keyless` (n int DEFAULT NULL);
INSERT INTO keyless VALUES (1), (1);
CREATE TABLE `nothing_yet` (n int NOT NULL, index_ int NOT NULL, `unique` int NOT NULL, `null` int NOT NULL, PRIMARY KEY (n));
CREATE TABLE `Weird Table` (n int NOT NULL, PRIMARY KEY (n));

CREATE VIEW seen AS SELECT n FROM formula;
CREATE USER IF NOT EXISTS guest@localhost;
GRANT SELECT ON seen TO guest@localhost;
GRANT SELECT ON sliced TO guest@localhost;
CREATE SEQUENCE numbers START WITH 5;
CREATE TRIGGER watch BEFORE INSERT ON sliced FOR EACH ROW SET NEW.t = 'b';
CREATE PROCEDURE clean() DELETE FROM keyless;
CREATE FUNCTION half(x double) RETURNS double DETERMINISTIC RETURN x / 2;
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM keyless;

USE hopeless;
CREATE TABLE `dated` (day date NOT NULL, PRIMARY KEY (day));
INSERT INTO dated VALUES ('0000-00-00');
CREATE TABLE `nul_key` (name varchar(5) NOT NULL, PRIMARY KEY (name));
INSERT INTO nul_key VALUES (CONCAT('a', x'00'));
CREATE TABLE `named` (`Two Words` int NOT NULL, `größe` int NOT NULL,
  `an_attribute_whose_name_has_sixty_four_characters_in_all_0123456` int NOT NULL, PRIMARY KEY (`Two Words`));
CREATE TABLE `a_table_whose_name_has_sixty_four_characters_in_all_abcdefghijkl` (n int NOT NULL, PRIMARY KEY (n));
