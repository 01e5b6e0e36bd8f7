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

CREATE DATABASE /*!32312 IF NOT EXISTS*/ `animal` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci */;

USE `animal`;
DROP TABLE IF EXISTS `#species`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `#species` (
  `species` varchar(20) NOT NULL COMMENT ':varchar(20):',
  PRIMARY KEY (`species`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci COMMENT='kinds of animals';
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `#species` WRITE;
/*!40000 ALTER TABLE `#species` DISABLE KEYS */;
INSERT INTO `#species` VALUES
('mouse'),
('rat');
/*!40000 ALTER TABLE `#species` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `animal`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `animal` (
  `animal_id` bigint(20) NOT NULL COMMENT ':int64:',
  `species` varchar(20) NOT NULL,
  `sex` enum('M','F','U') NOT NULL DEFAULT 'U' COMMENT ':enum(''M'', ''F'', ''U''):',
  `nick` varchar(30) NOT NULL DEFAULT '' COMMENT ':varchar(30):',
  `legs` smallint(6) NOT NULL DEFAULT 0 COMMENT ':int16:',
  `weight` float DEFAULT NULL COMMENT ':float32:',
  `price` decimal(8,2) NOT NULL DEFAULT 1.50 COMMENT ':decimal(8,2):',
  `alive` tinyint(4) NOT NULL DEFAULT 1 COMMENT ':bool:',
  `born` date DEFAULT NULL COMMENT ':date:',
  `seen` datetime NOT NULL DEFAULT current_timestamp() COMMENT ':datetime:',
  `notes` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL COMMENT ':json:' CHECK (json_valid(`notes`)),
  `photo` longblob DEFAULT NULL COMMENT ':bytes:',
  `token` binary(16) DEFAULT NULL COMMENT ':uuid:',
  PRIMARY KEY (`animal_id`),
  KEY `species` (`species`),
  CONSTRAINT `animal_ibfk_1` FOREIGN KEY (`species`) REFERENCES `#species` (`species`) ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `animal` WRITE;
/*!40000 ALTER TABLE `animal` DISABLE KEYS */;
INSERT INTO `animal` VALUES
(2,'rat','U','Ünï\'\"\\',0,NULL,-3.25,1,NULL,'2021-01-02 03:04:05',NULL,NULL,NULL),
(1099511627776,'mouse','F','',0,0.1,1.50,1,'2020-02-29','2021-01-01 00:00:00','{\"a\": [1, null]}',0x00FF,NULL);
/*!40000 ALTER TABLE `animal` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `~lineage`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `~lineage` (
  `table_name` varchar(64) NOT NULL COMMENT 'table name within the schema',
  `attribute_name` varchar(64) NOT NULL COMMENT 'attribute name',
  `lineage` varchar(255) NOT NULL COMMENT 'origin: schema.table.attribute',
  PRIMARY KEY (`table_name`,`attribute_name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `~lineage` WRITE;
/*!40000 ALTER TABLE `~lineage` DISABLE KEYS */;
INSERT INTO `~lineage` VALUES
('#species','species','animal.#species.species'),
('animal','animal_id','animal.animal.animal_id'),
('animal','species','animal.#species.species');
/*!40000 ALTER TABLE `~lineage` ENABLE KEYS */;
UNLOCK TABLES;

CREATE DATABASE /*!32312 IF NOT EXISTS*/ `lab2` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci */;

USE `lab2`;
DROP TABLE IF EXISTS `#setting`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `#setting` (
  `gain` double NOT NULL COMMENT ':float64:',
  `_singleton` tinyint(4) NOT NULL DEFAULT 1 COMMENT ':bool:singleton primary key',
  PRIMARY KEY (`_singleton`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci COMMENT='one row at most';
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `#setting` WRITE;
/*!40000 ALTER TABLE `#setting` DISABLE KEYS */;
INSERT INTO `#setting` VALUES
(1.5,1);
/*!40000 ALTER TABLE `#setting` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `__rate`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `__rate` (
  `animal_id` bigint(20) NOT NULL,
  `session` smallint(6) NOT NULL,
  `rate` double NOT NULL COMMENT ':float64:',
  `_job_start_time` datetime(3) DEFAULT NULL COMMENT ':datetime(3):when computation began',
  `_job_duration` float DEFAULT NULL COMMENT ':float32:computation duration in seconds',
  `_job_version` varchar(64) NOT NULL DEFAULT '' COMMENT ':varchar(64):code version',
  PRIMARY KEY (`animal_id`,`session`),
  CONSTRAINT `__rate_ibfk_1` FOREIGN KEY (`animal_id`, `session`) REFERENCES `session` (`animal_id`, `session`) ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `__rate` WRITE;
/*!40000 ALTER TABLE `__rate` DISABLE KEYS */;
INSERT INTO `__rate` VALUES
(2,1,2.5,'2026-11-30 17:42:55.718',0.00169277,'');
/*!40000 ALTER TABLE `__rate` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `session`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `session` (
  `animal_id` bigint(20) NOT NULL,
  `session` smallint(6) NOT NULL COMMENT ':int16:',
  `other_species` varchar(20) DEFAULT NULL,
  `started` datetime(3) NOT NULL COMMENT ':datetime(3):',
  PRIMARY KEY (`animal_id`,`session`),
  UNIQUE KEY `started` (`started`),
  KEY `other_species` (`other_species`),
  CONSTRAINT `session_ibfk_1` FOREIGN KEY (`animal_id`) REFERENCES `animal`.`animal` (`animal_id`) ON UPDATE CASCADE,
  CONSTRAINT `session_ibfk_2` FOREIGN KEY (`other_species`) REFERENCES `animal`.`#species` (`species`) ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `session` WRITE;
/*!40000 ALTER TABLE `session` DISABLE KEYS */;
INSERT INTO `session` VALUES
(2,1,NULL,'2022-01-01 00:00:00.005'),
(2,2,'rat','2022-01-02 00:00:00.000');
/*!40000 ALTER TABLE `session` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `session__trial`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `session__trial` (
  `animal_id` bigint(20) NOT NULL,
  `session` smallint(6) NOT NULL,
  `trial` int(11) NOT NULL COMMENT ':int32:',
  `outcome` enum('hit','miss') NOT NULL COMMENT ':enum(''hit'', ''miss''):',
  PRIMARY KEY (`animal_id`,`session`,`trial`),
  CONSTRAINT `session__trial_ibfk_1` FOREIGN KEY (`animal_id`, `session`) REFERENCES `session` (`animal_id`, `session`) ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `session__trial` WRITE;
/*!40000 ALTER TABLE `session__trial` DISABLE KEYS */;
INSERT INTO `session__trial` VALUES
(2,1,1,'hit'),
(2,1,2,'miss');
/*!40000 ALTER TABLE `session__trial` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `stored`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `stored` (
  `stored_id` int(11) NOT NULL COMMENT ':int32:',
  `big` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT ':<blob@ext>:' CHECK (json_valid(`big`)),
  `doc` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT ':<attach@ext>:' CHECK (json_valid(`doc`)),
  `raw` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT ':<hash@ext>:' CHECK (json_valid(`raw`)),
  `trace` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT ':<npy@ext>:' CHECK (json_valid(`trace`)),
  `thing` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT ':<object@ext>:' CHECK (json_valid(`thing`)),
  `movie` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT ':<filepath@raw>:' CHECK (json_valid(`movie`)),
  PRIMARY KEY (`stored_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `stored` WRITE;
/*!40000 ALTER TABLE `stored` DISABLE KEYS */;
/*!40000 ALTER TABLE `stored` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `values`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `values` (
  `value_id` int(11) NOT NULL COMMENT ':int32:',
  `inline` longblob DEFAULT NULL COMMENT ':<blob>:',
  `file` longblob DEFAULT NULL COMMENT ':<attach>:',
  `tree` longblob DEFAULT NULL COMMENT ':<graph>:',
  PRIMARY KEY (`value_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `values` WRITE;
/*!40000 ALTER TABLE `values` DISABLE KEYS */;
INSERT INTO `values` VALUES
(1,0x646A30000402000000000000000A0000000000000005010000000000000078410000000000000041010000000000000005000000000000000E00000000000000000000000000000001000000000000000200000000000000030000000000000004000000000000000A000000000000000501000000000000007424000000000000000102000000000000000A00000000000000050100000000000000610100000000000000FF,0x6E6F74652E74787400696E6C696E652000206279746573,0x646A3000020100000000000000210000000000000001020000000000000004000000000000000A01000104000000000000000A010002),
(2,NULL,NULL,NULL);
/*!40000 ALTER TABLE `values` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `~lineage`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `~lineage` (
  `table_name` varchar(64) NOT NULL COMMENT 'table name within the schema',
  `attribute_name` varchar(64) NOT NULL COMMENT 'attribute name',
  `lineage` varchar(255) NOT NULL COMMENT 'origin: schema.table.attribute',
  PRIMARY KEY (`table_name`,`attribute_name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `~lineage` WRITE;
/*!40000 ALTER TABLE `~lineage` DISABLE KEYS */;
INSERT INTO `~lineage` VALUES
('#setting','_singleton','lab2.#setting._singleton'),
('session','animal_id','animal.animal.animal_id'),
('session','other_species','animal.#species.species'),
('session','session','lab2.session.session'),
('session__trial','animal_id','animal.animal.animal_id'),
('session__trial','session','lab2.session.session'),
('session__trial','trial','lab2.session__trial.trial'),
('stored','stored_id','lab2.stored.stored_id'),
('values','value_id','lab2.values.value_id'),
('__rate','animal_id','animal.animal.animal_id'),
('__rate','session','lab2.session.session'),
('~~rate','animal_id','lab2.~~rate.animal_id'),
('~~rate','session','lab2.~~rate.session');
/*!40000 ALTER TABLE `~lineage` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `~~rate`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `~~rate` (
  `animal_id` bigint(20) NOT NULL,
  `session` smallint(6) NOT NULL,
  `status` enum('pending','reserved','success','error','ignore') NOT NULL COMMENT ':enum(''pending'', ''reserved'', ''success'', ''error'', ''ignore''):',
  `priority` tinyint(4) NOT NULL COMMENT ':int8:',
  `created_time` datetime(3) NOT NULL DEFAULT current_timestamp(3) COMMENT ':datetime(3):',
  `scheduled_time` datetime(3) NOT NULL DEFAULT current_timestamp(3) COMMENT ':datetime(3):',
  `reserved_time` datetime(3) DEFAULT NULL COMMENT ':datetime(3):',
  `completed_time` datetime(3) DEFAULT NULL COMMENT ':datetime(3):',
  `duration` double DEFAULT NULL COMMENT ':float64:',
  `error_message` varchar(2047) NOT NULL DEFAULT '' COMMENT ':varchar(2047):',
  `error_stack` longblob DEFAULT NULL COMMENT ':<blob>:',
  `user` varchar(255) NOT NULL DEFAULT '' COMMENT ':varchar(255):',
  `host` varchar(255) NOT NULL DEFAULT '' COMMENT ':varchar(255):',
  `pid` int(11) NOT NULL DEFAULT 0 COMMENT ':int32:',
  `connection_id` bigint(20) NOT NULL DEFAULT 0 COMMENT ':int64:',
  `version` varchar(64) NOT NULL DEFAULT '' COMMENT ':varchar(64):',
  PRIMARY KEY (`animal_id`,`session`),
  KEY `status` (`status`,`priority`,`scheduled_time`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci COMMENT='Job queue for `lab2`.`__rate`';
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `~~rate` WRITE;
/*!40000 ALTER TABLE `~~rate` DISABLE KEYS */;
INSERT INTO `~~rate` VALUES
(2,2,'error',5,'2026-11-30 19:42:55.233','2026-11-30 19:42:55.232','2026-11-30 19:42:55.726','2026-11-30 19:42:55.728',NULL,'ValueError: no spikes',0x646A300005140000000000000054726163656261636B3A206E6F207370696B6573,'dj@localhost','vm',16960,5,'');
/*!40000 ALTER TABLE `~~rate` ENABLE KEYS */;
UNLOCK TABLES;
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

