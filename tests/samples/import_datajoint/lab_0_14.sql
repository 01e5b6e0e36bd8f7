/*M!999999\- enable the sandbox mode */ 

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;
/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;
/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;

CREATE DATABASE /*!32312 IF NOT EXISTS*/ `a-animal` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci */;

USE `a-animal`;
DROP TABLE IF EXISTS `#species`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `#species` (
  `species` varchar(20) NOT NULL,
  PRIMARY KEY (`species`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci COMMENT='kinds of animals';
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `#species` WRITE;
/*!40000 ALTER TABLE `#species` DISABLE KEYS */;
INSERT INTO `#species` VALUES
('mouse'),
('Rat');
/*!40000 ALTER TABLE `#species` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `animal`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `animal` (
  `animal_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `species` varchar(20) NOT NULL,
  `second_species` varchar(20) DEFAULT NULL,
  `nick` varchar(30) NOT NULL DEFAULT 'it''s' COMMENT 'a name: with ''colon''',
  `sex` enum('M','F','U') NOT NULL DEFAULT 'U',
  `born` date DEFAULT NULL,
  `weight` float NOT NULL DEFAULT 0.5,
  `grams` double DEFAULT NULL,
  `price` decimal(8,2) NOT NULL DEFAULT 1.50,
  `alive` tinyint(1) NOT NULL DEFAULT 1,
  PRIMARY KEY (`animal_id`),
  KEY `species` (`species`),
  KEY `second_species` (`second_species`),
  CONSTRAINT `animal_ibfk_1` FOREIGN KEY (`species`) REFERENCES `#species` (`species`) ON UPDATE CASCADE,
  CONSTRAINT `animal_ibfk_2` FOREIGN KEY (`second_species`) REFERENCES `#species` (`species`) ON UPDATE CASCADE
) ENGINE=InnoDB AUTO_INCREMENT=10 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci COMMENT='one animal; quoted # hash';
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `animal` WRITE;
/*!40000 ALTER TABLE `animal` DISABLE KEYS */;
INSERT INTO `animal` VALUES
(3,'mouse',NULL,'it\'s','U','2020-02-29',0.1,NULL,1.50,1),
(5,'Rat','mouse','it\'s','F',NULL,0.5,1e-300,1.50,1),
(7,'mouse',NULL,'Ünïcøde \\ \"q\"🐭','U',NULL,0.5,NULL,1.50,0);
/*!40000 ALTER TABLE `animal` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `~log`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `~log` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT COMMENT 'event order id',
  `timestamp` timestamp NOT NULL DEFAULT current_timestamp() COMMENT 'event timestamp',
  `version` varchar(12) NOT NULL COMMENT 'datajoint version',
  `user` varchar(255) NOT NULL COMMENT 'user@host',
  `host` varchar(255) NOT NULL DEFAULT '' COMMENT 'system hostname',
  `event` varchar(255) NOT NULL DEFAULT '' COMMENT 'event message',
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci COMMENT='event logging table for `a-animal`';
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `~log` WRITE;
/*!40000 ALTER TABLE `~log` DISABLE KEYS */;
INSERT INTO `~log` VALUES
(1,'2026-11-30 02:40:40','0.14.10py','dj@localhost','vm','created'),
(2,'2026-11-30 02:40:40','0.14.10py','dj@localhost','vm','Declared `a-animal`.`#species`'),
(3,'2026-11-30 02:40:41','0.14.10py','dj@localhost','vm','Declared `a-animal`.`animal`'),
(4,'2026-11-30 02:40:41','0.14.10py','dj@localhost','vm','DELETE FROM `a-animal`.`animal` WHERE ( (animal_id = 9))');
/*!40000 ALTER TABLE `~log` ENABLE KEYS */;
UNLOCK TABLES;

CREATE DATABASE /*!32312 IF NOT EXISTS*/ `Upper` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci */;

USE `Upper`;
DROP TABLE IF EXISTS `#c_c_f`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `#c_c_f` (
  `ccf_id` tinyint(3) unsigned NOT NULL,
  `ccf_name` varchar(40) NOT NULL,
  PRIMARY KEY (`ccf_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci COMMENT='common coordinate framework';
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `#c_c_f` WRITE;
/*!40000 ALTER TABLE `#c_c_f` DISABLE KEYS */;
INSERT INTO `#c_c_f` VALUES
(1,'whole brain'),
(2,'half');
/*!40000 ALTER TABLE `#c_c_f` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `types`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `types` (
  `id` bigint(20) unsigned NOT NULL,
  `i8` tinyint(4) NOT NULL DEFAULT -5,
  `u8` tinyint(3) unsigned NOT NULL DEFAULT 250,
  `i16` smallint(6) DEFAULT NULL,
  `u16` smallint(5) unsigned DEFAULT NULL,
  `i24` mediumint(9) DEFAULT NULL,
  `u24` mediumint(8) unsigned DEFAULT NULL,
  `i64` bigint(20) DEFAULT NULL,
  `y` year(4) DEFAULT NULL,
  `span` time DEFAULT NULL,
  `clock` time NOT NULL DEFAULT '12:30:00',
  `moment` datetime(3) DEFAULT NULL,
  `seen` timestamp NOT NULL DEFAULT current_timestamp(),
  `day` date NOT NULL DEFAULT '2020-01-31',
  `c` char(4) NOT NULL DEFAULT '',
  `txt` varchar(2000) NOT NULL,
  `doc` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL CHECK (json_valid(`doc`)),
  `long_txt` longtext DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci COMMENT='every plain type';
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `types` WRITE;
/*!40000 ALTER TABLE `types` DISABLE KEYS */;
INSERT INTO `types` VALUES
(1,-5,250,NULL,NULL,NULL,NULL,NULL,NULL,'-01:00:00','12:30:00',NULL,'2020-12-31 22:00:00','2020-01-31','','line\nbreak	tab',NULL,NULL),
(18446744073709551615,-5,250,-32768,65535,-8388608,16777215,-9223372036854775808,1999,'30:00:00','12:30:00','2021-05-06 07:08:09.123','2021-07-01 10:00:00','2020-01-31','ab',' spaced ','{\"b\": [1, null, \"x\"], \"a\": 1.5}','longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglong');
/*!40000 ALTER TABLE `types` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `~log`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `~log` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT COMMENT 'event order id',
  `timestamp` timestamp NOT NULL DEFAULT current_timestamp() COMMENT 'event timestamp',
  `version` varchar(12) NOT NULL COMMENT 'datajoint version',
  `user` varchar(255) NOT NULL COMMENT 'user@host',
  `host` varchar(255) NOT NULL DEFAULT '' COMMENT 'system hostname',
  `event` varchar(255) NOT NULL DEFAULT '' COMMENT 'event message',
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci COMMENT='event logging table for `Upper`';
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `~log` WRITE;
/*!40000 ALTER TABLE `~log` DISABLE KEYS */;
INSERT INTO `~log` VALUES
(1,'2026-11-30 02:40:40','0.14.10py','dj@localhost','vm','created'),
(2,'2026-11-30 02:40:41','0.14.10py','dj@localhost','vm','Declared `Upper`.`#c_c_f`'),
(3,'2026-11-30 02:40:41','0.14.10py','dj@localhost','vm','Declared `Upper`.`types`');
/*!40000 ALTER TABLE `~log` ENABLE KEYS */;
UNLOCK TABLES;

CREATE DATABASE /*!32312 IF NOT EXISTS*/ `lab` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci */;

USE `lab`;
DROP TABLE IF EXISTS `#latin`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `#latin` (
  `word` varchar(20) NOT NULL,
  `old_day` date NOT NULL DEFAULT '2000-01-01',
  PRIMARY KEY (`word`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci COMMENT='old words';
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `#latin` WRITE;
/*!40000 ALTER TABLE `#latin` DISABLE KEYS */;
INSERT INTO `#latin` VALUES
('Größe','2001-02-03'),
('zero','0000-00-00');
/*!40000 ALTER TABLE `#latin` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `Weird Col`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `Weird Col` (
  `A b` int(11) NOT NULL,
  PRIMARY KEY (`A b`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `Weird Col` WRITE;
/*!40000 ALTER TABLE `Weird Col` DISABLE KEYS */;
/*!40000 ALTER TABLE `Weird Col` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `__rate`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `__rate` (
  `animal_id` int(10) unsigned NOT NULL,
  `session` smallint(6) NOT NULL,
  `rate` double NOT NULL,
  PRIMARY KEY (`animal_id`,`session`),
  CONSTRAINT `__rate_ibfk_1` FOREIGN KEY (`animal_id`, `session`) REFERENCES `session` (`animal_id`, `session`) ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `__rate` WRITE;
/*!40000 ALTER TABLE `__rate` DISABLE KEYS */;
INSERT INTO `__rate` VALUES
(3,1,2.5);
/*!40000 ALTER TABLE `__rate` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `_scan`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `_scan` (
  `animal_id` int(10) unsigned NOT NULL,
  `session` smallint(6) NOT NULL,
  `depth` float NOT NULL,
  PRIMARY KEY (`animal_id`,`session`),
  CONSTRAINT `_scan_ibfk_1` FOREIGN KEY (`animal_id`, `session`) REFERENCES `session` (`animal_id`, `session`) ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `_scan` WRITE;
/*!40000 ALTER TABLE `_scan` DISABLE KEYS */;
INSERT INTO `_scan` VALUES
(3,1,0.1),
(5,2,0.1);
/*!40000 ALTER TABLE `_scan` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `_scan__field`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `_scan__field` (
  `animal_id` int(10) unsigned NOT NULL,
  `session` smallint(6) NOT NULL,
  `field` tinyint(4) NOT NULL,
  PRIMARY KEY (`animal_id`,`session`,`field`),
  CONSTRAINT `_scan__field_ibfk_1` FOREIGN KEY (`animal_id`, `session`) REFERENCES `_scan` (`animal_id`, `session`) ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `_scan__field` WRITE;
/*!40000 ALTER TABLE `_scan__field` DISABLE KEYS */;
INSERT INTO `_scan__field` VALUES
(3,1,1),
(5,2,1);
/*!40000 ALTER TABLE `_scan__field` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `blobs`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `blobs` (
  `blob_id` int(11) NOT NULL,
  `b` longblob DEFAULT NULL,
  `small` blob DEFAULT NULL,
  `raw_bytes` mediumblob DEFAULT NULL,
  `file` longblob DEFAULT NULL COMMENT ':attach:',
  PRIMARY KEY (`blob_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `blobs` WRITE;
/*!40000 ALTER TABLE `blobs` DISABLE KEYS */;
INSERT INTO `blobs` VALUES
(1,0x646A300004060000000000000010000000000000000507000000000000006E756D626572732D00000000000000410200000000000000020000000000000003000000000000000A000000000000000000030001000400020005000D00000000000000050400000000000000746578740B00000000000000050200000000000000C3A40F000000000000000506000000000000006E65737465645D0000000000000002030000000000000004000000000000000A010001230000000000000001020000000000000009000000000000000D00000000000004400100000000000000FF150000000000000003010000000000000004000000000000000A0100030D000000000000000504000000000000007768656E0D0000000000000074A53A3401C06C2560020000000E0000000000000005050000000000000065786163740D00000000000000640400000000000000312E32300B00000000000000050200000000000000696411000000000000007500000000000000000000000000000005,0x646A300041000000000000000007000000000000000000C03F,NULL,0x6E6F74652E74787400696E6C696E652000206279746573),
(2,0x5A4C31323300A538010000000000789CEDC5A10D00201004B00B82BD18038FFDFDED0B1C091BB4A6B52B6BE43ACF330000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000F0D7A7CD0245,0x6D596D00410200000000000000010000000000000002000000000000000600000000000000000000000000F03F0000000000000040,0x00FF10,NULL),
(3,NULL,NULL,NULL,NULL);
/*!40000 ALTER TABLE `blobs` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `kin`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `kin` (
  `name` varchar(20) NOT NULL,
  `species` varchar(20) NOT NULL,
  PRIMARY KEY (`name`),
  KEY `species` (`species`),
  CONSTRAINT `kin_ibfk_1` FOREIGN KEY (`species`) REFERENCES `a-animal`.`#species` (`species`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci COMMENT='spelled otherwise';
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `kin` WRITE;
/*!40000 ALTER TABLE `kin` DISABLE KEYS */;
INSERT INTO `kin` VALUES
('one','MOUSE'),
('two','Rat');
/*!40000 ALTER TABLE `kin` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `mark`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `mark` (
  `mark` int(11) NOT NULL,
  `flags` set('a','b','c') NOT NULL DEFAULT 'a',
  PRIMARY KEY (`mark`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `mark` WRITE;
/*!40000 ALTER TABLE `mark` DISABLE KEYS */;
INSERT INTO `mark` VALUES
(1,'a,c'),
(2,'');
/*!40000 ALTER TABLE `mark` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `pair`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `pair` (
  `mother` int(10) unsigned NOT NULL,
  `father` int(10) unsigned NOT NULL,
  `note` varchar(10) NOT NULL DEFAULT '',
  PRIMARY KEY (`mother`,`father`),
  KEY `father` (`father`),
  CONSTRAINT `pair_ibfk_1` FOREIGN KEY (`mother`) REFERENCES `a-animal`.`animal` (`animal_id`) ON UPDATE CASCADE,
  CONSTRAINT `pair_ibfk_2` FOREIGN KEY (`father`) REFERENCES `a-animal`.`animal` (`animal_id`) ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci COMMENT='two foreign keys to one parent, renamed';
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `pair` WRITE;
/*!40000 ALTER TABLE `pair` DISABLE KEYS */;
INSERT INTO `pair` VALUES
(3,5,'ok');
/*!40000 ALTER TABLE `pair` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `seen`;
/*!50001 DROP VIEW IF EXISTS `seen`*/;
SET @saved_cs_client     = @@character_set_client;
SET character_set_client = utf8mb4;
/*!50001 CREATE VIEW `seen` AS SELECT
 NULL AS `animal_id`,
 NULL AS `session`,
 NULL AS `token`,
 NULL AS `ccf_id`,
 NULL AS `started` */;
SET character_set_client = @saved_cs_client;
DROP TABLE IF EXISTS `session`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `session` (
  `animal_id` int(10) unsigned NOT NULL,
  `session` smallint(6) NOT NULL,
  `token` binary(16) NOT NULL COMMENT ':uuid:',
  `ccf_id` tinyint(3) unsigned NOT NULL,
  `started` datetime NOT NULL DEFAULT current_timestamp(),
  PRIMARY KEY (`animal_id`,`session`),
  UNIQUE KEY `ccf_id` (`ccf_id`),
  UNIQUE KEY `token` (`token`,`started`),
  KEY `started` (`started`),
  CONSTRAINT `session_ibfk_1` FOREIGN KEY (`animal_id`) REFERENCES `a-animal`.`animal` (`animal_id`) ON UPDATE CASCADE,
  CONSTRAINT `session_ibfk_2` FOREIGN KEY (`ccf_id`) REFERENCES `Upper`.`#c_c_f` (`ccf_id`) ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `session` WRITE;
/*!40000 ALTER TABLE `session` DISABLE KEYS */;
INSERT INTO `session` VALUES
(3,1,0x00000000000000000000000000000001,1,'2022-01-01 00:00:00'),
(5,2,0x00000000000000000000000000000002,2,'2022-01-02 00:00:00');
/*!40000 ALTER TABLE `session` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `session__trial`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `session__trial` (
  `animal_id` int(10) unsigned NOT NULL,
  `session` smallint(6) NOT NULL,
  `trial` int(11) NOT NULL,
  `outcome` varchar(12) DEFAULT NULL,
  PRIMARY KEY (`animal_id`,`session`,`trial`),
  CONSTRAINT `session__trial_ibfk_1` FOREIGN KEY (`animal_id`, `session`) REFERENCES `session` (`animal_id`, `session`) ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `session__trial` WRITE;
/*!40000 ALTER TABLE `session__trial` DISABLE KEYS */;
INSERT INTO `session__trial` VALUES
(3,1,1,'hit'),
(3,1,2,NULL);
/*!40000 ALTER TABLE `session__trial` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `stored`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `stored` (
  `stored_id` int(11) NOT NULL,
  `big` binary(16) NOT NULL COMMENT ':blob@ext:',
  `doc` binary(16) NOT NULL COMMENT ':attach@ext:',
  `movie` binary(16) NOT NULL COMMENT ':filepath@raw:',
  `tree` longblob NOT NULL COMMENT ':<graph>:',
  PRIMARY KEY (`stored_id`),
  KEY `big` (`big`),
  KEY `doc` (`doc`),
  KEY `movie` (`movie`),
  CONSTRAINT `stored_ibfk_1` FOREIGN KEY (`big`) REFERENCES `~external_ext` (`hash`),
  CONSTRAINT `stored_ibfk_2` FOREIGN KEY (`doc`) REFERENCES `~external_ext` (`hash`),
  CONSTRAINT `stored_ibfk_3` FOREIGN KEY (`movie`) REFERENCES `~external_raw` (`hash`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `stored` WRITE;
/*!40000 ALTER TABLE `stored` DISABLE KEYS */;
INSERT INTO `stored` VALUES
(1,0x47EC2DB500CAB2E29628FC1830753863,0x8CC59A51C2698BE600E1BE12A0766B0E,0xDFEA384BEF8A9B14883961414FEE416C,0x646A3000020200000000000000210000000000000001020000000000000004000000000000000A01000104000000000000000A010002210000000000000001020000000000000004000000000000000A01000204000000000000000A010003),
(2,0x917414DF40E3764F74A9B009A56CE003,0x8CC59A51C2698BE600E1BE12A0766B0E,0xDFEA384BEF8A9B14883961414FEE416C,0x646A3000020000000000000000);
/*!40000 ALTER TABLE `stored` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `~external_ext`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `~external_ext` (
  `hash` binary(16) NOT NULL COMMENT ':uuid:hash of contents (blob), of filename + contents (attach), or relative filepath (filepath)',
  `size` bigint(20) unsigned NOT NULL COMMENT 'size of object in bytes',
  `attachment_name` varchar(255) DEFAULT NULL COMMENT 'the filename of an attachment',
  `filepath` varchar(1000) DEFAULT NULL COMMENT 'relative filepath or attachment filename',
  `contents_hash` binary(16) DEFAULT NULL COMMENT ':uuid:used for the filepath datatype',
  `timestamp` timestamp NOT NULL DEFAULT current_timestamp() COMMENT 'automatic timestamp',
  PRIMARY KEY (`hash`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci COMMENT='external storage tracking';
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `~external_ext` WRITE;
/*!40000 ALTER TABLE `~external_ext` DISABLE KEYS */;
INSERT INTO `~external_ext` VALUES
(0x47EC2DB500CAB2E29628FC1830753863,1594,NULL,NULL,NULL,'2026-11-30 02:40:41'),
(0x8CC59A51C2698BE600E1BE12A0766B0E,14,'note.txt',NULL,NULL,'2026-11-30 02:40:41'),
(0x917414DF40E3764F74A9B009A56CE003,43,NULL,NULL,NULL,'2026-11-30 02:40:41');
/*!40000 ALTER TABLE `~external_ext` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `~external_raw`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `~external_raw` (
  `hash` binary(16) NOT NULL COMMENT ':uuid:hash of contents (blob), of filename + contents (attach), or relative filepath (filepath)',
  `size` bigint(20) unsigned NOT NULL COMMENT 'size of object in bytes',
  `attachment_name` varchar(255) DEFAULT NULL COMMENT 'the filename of an attachment',
  `filepath` varchar(1000) DEFAULT NULL COMMENT 'relative filepath or attachment filename',
  `contents_hash` binary(16) DEFAULT NULL COMMENT ':uuid:used for the filepath datatype',
  `timestamp` timestamp NOT NULL DEFAULT current_timestamp() COMMENT 'automatic timestamp',
  PRIMARY KEY (`hash`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci COMMENT='external storage tracking';
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `~external_raw` WRITE;
/*!40000 ALTER TABLE `~external_raw` DISABLE KEYS */;
INSERT INTO `~external_raw` VALUES
(0xDFEA384BEF8A9B14883961414FEE416C,6,NULL,'2020/movie.avi',0xDCDC1AC079A91D513A5A759B0FB9C1DC,'2026-11-30 02:40:41');
/*!40000 ALTER TABLE `~external_raw` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `~jobs`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `~jobs` (
  `table_name` varchar(255) NOT NULL COMMENT 'className of the table',
  `key_hash` char(32) NOT NULL COMMENT 'key hash',
  `status` enum('reserved','error','ignore') NOT NULL COMMENT 'if tuple is missing, the job is available',
  `key` blob DEFAULT NULL COMMENT 'structure containing the key',
  `error_message` varchar(2047) NOT NULL DEFAULT '' COMMENT 'error message returned if failed',
  `error_stack` mediumblob DEFAULT NULL COMMENT 'error stack if failed',
  `user` varchar(255) NOT NULL DEFAULT '' COMMENT 'database user',
  `host` varchar(255) NOT NULL DEFAULT '' COMMENT 'system hostname',
  `pid` int(10) unsigned NOT NULL DEFAULT 0 COMMENT 'system process id',
  `connection_id` bigint(20) unsigned NOT NULL DEFAULT 0 COMMENT 'connection_id()',
  `timestamp` timestamp NOT NULL DEFAULT current_timestamp() COMMENT 'automatic timestamp',
  PRIMARY KEY (`table_name`,`key_hash`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci COMMENT='job reservation table for `lab`';
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `~jobs` WRITE;
/*!40000 ALTER TABLE `~jobs` DISABLE KEYS */;
INSERT INTO `~jobs` VALUES
('__rate','9a1158154dfa42caddbd0694a4e9bdc8','error',0x646A30000402000000000000001200000000000000050900000000000000616E696D616C5F696404000000000000000A010005100000000000000005070000000000000073657373696F6E04000000000000000A010002,'ValueError: no spikes',0x646A300005140000000000000054726163656261636B3A206E6F207370696B6573,'dj@localhost','vm',26991,5,'2026-11-30 02:40:41');
/*!40000 ALTER TABLE `~jobs` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `~log`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `~log` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT COMMENT 'event order id',
  `timestamp` timestamp NOT NULL DEFAULT current_timestamp() COMMENT 'event timestamp',
  `version` varchar(12) NOT NULL COMMENT 'datajoint version',
  `user` varchar(255) NOT NULL COMMENT 'user@host',
  `host` varchar(255) NOT NULL DEFAULT '' COMMENT 'system hostname',
  `event` varchar(255) NOT NULL DEFAULT '' COMMENT 'event message',
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=10 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci COMMENT='event logging table for `lab`';
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `~log` WRITE;
/*!40000 ALTER TABLE `~log` DISABLE KEYS */;
INSERT INTO `~log` VALUES
(1,'2026-11-30 02:40:40','0.14.10py','dj@localhost','vm','created'),
(2,'2026-11-30 02:40:41','0.14.10py','dj@localhost','vm','Declared `lab`.`session`'),
(3,'2026-11-30 02:40:41','0.14.10py','dj@localhost','vm','Declared `lab`.`session__trial`'),
(4,'2026-11-30 02:40:41','0.14.10py','dj@localhost','vm','Declared `lab`.`pair`'),
(5,'2026-11-30 02:40:41','0.14.10py','dj@localhost','vm','Declared `lab`.`blobs`'),
(6,'2026-11-30 02:40:41','0.14.10py','dj@localhost','vm','Declared `lab`.`stored`'),
(7,'2026-11-30 02:40:41','0.14.10py','dj@localhost','vm','Declared `lab`.`__rate`'),
(8,'2026-11-30 02:40:41','0.14.10py','dj@localhost','vm','Declared `lab`.`_scan`'),
(9,'2026-11-30 02:40:41','0.14.10py','dj@localhost','vm','Declared `lab`.`_scan__field`');
/*!40000 ALTER TABLE `~log` ENABLE KEYS */;
UNLOCK TABLES;

CREATE DATABASE /*!32312 IF NOT EXISTS*/ `loop` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci */;

USE `loop`;
DROP TABLE IF EXISTS `egg`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `egg` (
  `egg` int(11) NOT NULL,
  `hen` int(11) DEFAULT NULL,
  PRIMARY KEY (`egg`),
  KEY `hen` (`hen`),
  CONSTRAINT `egg_ibfk_1` FOREIGN KEY (`hen`) REFERENCES `hen` (`hen`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `egg` WRITE;
/*!40000 ALTER TABLE `egg` DISABLE KEYS */;
INSERT INTO `egg` VALUES
(7,1);
/*!40000 ALTER TABLE `egg` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `hen`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `hen` (
  `hen` int(11) NOT NULL,
  `egg` int(11) DEFAULT NULL,
  PRIMARY KEY (`hen`),
  KEY `egg` (`egg`),
  CONSTRAINT `hen_ibfk_1` FOREIGN KEY (`egg`) REFERENCES `egg` (`egg`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `hen` WRITE;
/*!40000 ALTER TABLE `hen` DISABLE KEYS */;
INSERT INTO `hen` VALUES
(1,7);
/*!40000 ALTER TABLE `hen` ENABLE KEYS */;
UNLOCK TABLES;

USE `a-animal`;

USE `Upper`;

USE `lab`;
/*!50001 DROP VIEW IF EXISTS `seen`*/;
/*!50001 SET @saved_cs_client          = @@character_set_client */;
/*!50001 SET @saved_cs_results         = @@character_set_results */;
/*!50001 SET @saved_col_connection     = @@collation_connection */;
/*!50001 SET character_set_client      = utf8mb4 */;
/*!50001 SET character_set_results     = utf8mb4 */;
/*!50001 SET collation_connection      = utf8mb4_general_ci */;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`dj`@`localhost` SQL SECURITY DEFINER */
/*!50001 VIEW `seen` AS select `session`.`animal_id` AS `animal_id`,`session`.`session` AS `session`,`session`.`token` AS `token`,`session`.`ccf_id` AS `ccf_id`,`session`.`started` AS `started` from `session` */;
/*!50001 SET character_set_client      = @saved_cs_client */;
/*!50001 SET character_set_results     = @saved_cs_results */;
/*!50001 SET collation_connection      = @saved_col_connection */;

USE `loop`;
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

