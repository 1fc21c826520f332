-- same rows as base.sql for PostgreSQL; needs int4→bool as an assignment cast in the test database (README)
SET TIME ZONE 'Etc/GMT+3';
-- canove: state from which the scenarios start (rows written by the real backend; datetimes are -03:00 wall time as stored)


INSERT INTO "Queues" ("id","name","color","greetingMessage","createdAt","updatedAt") VALUES (1,'Suporte','#1abc9c','Você está na fila do Suporte.','2026-11-22 13:00:52.000000','2026-11-22 13:00:52.000000');
INSERT INTO "Queues" ("id","name","color","greetingMessage","createdAt","updatedAt") VALUES (2,'Financeiro','#e67e22','Fila do Financeiro, {{name}}.','2026-11-22 13:00:52.000000','2026-11-22 13:00:52.000000');
INSERT INTO "Queues" ("id","name","color","greetingMessage","createdAt","updatedAt") VALUES (3,'Vendas','#3498db','Fila de Vendas.','2026-11-22 13:00:52.000000','2026-11-22 13:00:52.000000');
INSERT INTO "Whatsapps" ("id","session","qrcode","status","battery","plugged","createdAt","updatedAt","name","isDefault","retries","greetingMessage","farewellMessage") VALUES (1,NULL,'','CONNECTED',NULL,NULL,'2026-11-22 13:00:52.000000','2026-11-22 13:00:52.000000','Principal',1,0,'Olá {{name}}, escolha um setor:','Atendimento encerrado, obrigado!');
INSERT INTO "Whatsapps" ("id","session","qrcode","status","battery","plugged","createdAt","updatedAt","name","isDefault","retries","greetingMessage","farewellMessage") VALUES (2,NULL,'','CONNECTED',NULL,NULL,'2026-11-22 13:00:53.000000','2026-11-22 13:00:53.000000','Suporte Direto',0,0,'','');
INSERT INTO "Whatsapps" ("id","session","qrcode","status","battery","plugged","createdAt","updatedAt","name","isDefault","retries","greetingMessage","farewellMessage") VALUES (3,NULL,'','CONNECTED',NULL,NULL,'2026-11-22 13:00:54.000000','2026-11-22 13:00:54.000000','Sem Fila',0,0,'','');
INSERT INTO "WhatsappQueues" ("whatsappId","queueId","createdAt","updatedAt") VALUES (1,1,'2026-11-22 13:00:52.000000','2026-11-22 13:00:52.000000');
INSERT INTO "WhatsappQueues" ("whatsappId","queueId","createdAt","updatedAt") VALUES (1,2,'2026-11-22 13:00:52.000000','2026-11-22 13:00:52.000000');
INSERT INTO "WhatsappQueues" ("whatsappId","queueId","createdAt","updatedAt") VALUES (1,3,'2026-11-22 13:00:52.000000','2026-11-22 13:00:52.000000');
INSERT INTO "WhatsappQueues" ("whatsappId","queueId","createdAt","updatedAt") VALUES (2,1,'2026-11-22 13:00:53.000000','2026-11-22 13:00:53.000000');
INSERT INTO "Users" ("id","name","email","passwordHash","createdAt","updatedAt","profile","tokenVersion","whatsappId") VALUES (1,'Administrador','admin@whaticket.com','(no password)','2026-11-22 12:15:06','2026-11-22 12:15:06','admin',0,NULL);
INSERT INTO "Users" ("id","name","email","passwordHash","createdAt","updatedAt","profile","tokenVersion","whatsappId") VALUES (2,'Ana Paula Souza','ana@exemplo.test','(no password)','2026-11-22 13:00:52.000000','2026-11-22 13:00:52.000000','user',0,NULL);
INSERT INTO "Users" ("id","name","email","passwordHash","createdAt","updatedAt","profile","tokenVersion","whatsappId") VALUES (3,'Bruno Lima','bruno@exemplo.test','(no password)','2026-11-22 13:00:52.000000','2026-11-22 13:00:52.000000','user',0,NULL);
INSERT INTO "Users" ("id","name","email","passwordHash","createdAt","updatedAt","profile","tokenVersion","whatsappId") VALUES (4,'Carla Nunes','carla@exemplo.test','(no password)','2026-11-22 13:00:52.000000','2026-11-22 13:00:52.000000','admin',0,NULL);
INSERT INTO "UserQueues" ("userId","queueId","createdAt","updatedAt") VALUES (2,1,'2026-11-22 13:00:52.000000','2026-11-22 13:00:52.000000');
INSERT INTO "UserQueues" ("userId","queueId","createdAt","updatedAt") VALUES (3,1,'2026-11-22 13:00:52.000000','2026-11-22 13:00:52.000000');
INSERT INTO "UserQueues" ("userId","queueId","createdAt","updatedAt") VALUES (3,2,'2026-11-22 13:00:52.000000','2026-11-22 13:00:52.000000');
INSERT INTO "Settings" ("key","value","createdAt","updatedAt") VALUES ('userApiToken','8e25f0b4-db5d-402c-877d-9d2afa9f33e7','2026-11-22 12:15:06','2026-11-22 12:15:06');
INSERT INTO "Settings" ("key","value","createdAt","updatedAt") VALUES ('userCreation','enabled','2026-11-22 12:15:06','2026-11-22 12:15:06');
INSERT INTO "Contacts" ("id","name","number","profilePicUrl","createdAt","updatedAt","email","isGroup") VALUES (1,'João da Silva','5511991110001',NULL,'2026-11-22 13:00:56.000000','2026-11-22 13:00:56.000000','',0);
INSERT INTO "Contacts" ("id","name","number","profilePicUrl","createdAt","updatedAt","email","isGroup") VALUES (2,'Maria Oliveira','5511991110002',NULL,'2026-11-22 13:00:57.000000','2026-11-22 13:00:57.000000','',0);
INSERT INTO "Contacts" ("id","name","number","profilePicUrl","createdAt","updatedAt","email","isGroup") VALUES (3,'Pedro Santos','5511991110003',NULL,'2026-11-22 13:00:58.000000','2026-11-22 13:00:58.000000','',0);
INSERT INTO "Contacts" ("id","name","number","profilePicUrl","createdAt","updatedAt","email","isGroup") VALUES (4,'Beatriz Gomes','5511991110006',NULL,'2026-11-22 13:00:59.000000','2026-11-22 13:00:59.000000','',0);
INSERT INTO "Contacts" ("id","name","number","profilePicUrl","createdAt","updatedAt","email","isGroup") VALUES (5,'Caio Mendes','5511991110007',NULL,'2026-11-22 13:01:00.000000','2026-11-22 13:01:00.000000','',0);
INSERT INTO "Contacts" ("id","name","number","profilePicUrl","createdAt","updatedAt","email","isGroup") VALUES (6,'Eduarda Alves','5511991110008',NULL,'2026-11-22 13:01:01.000000','2026-11-22 13:01:01.000000','',0);
INSERT INTO "Contacts" ("id","name","number","profilePicUrl","createdAt","updatedAt","email","isGroup") VALUES (7,'Gabriela Rocha','5511991110010',NULL,'2026-11-22 13:01:02.000000','2026-11-22 13:01:02.000000','',0);
INSERT INTO "Contacts" ("id","name","number","profilePicUrl","createdAt","updatedAt","email","isGroup") VALUES (8,'Inês Cardoso','5511991110012',NULL,'2026-11-22 13:01:03.000000','2026-11-22 13:01:03.000000','',0);
INSERT INTO "Contacts" ("id","name","number","profilePicUrl","createdAt","updatedAt","email","isGroup") VALUES (9,'Karen Lopes','5511991110014',NULL,'2026-11-22 13:01:04.000000','2026-11-22 13:01:04.000000','',0);
INSERT INTO "Contacts" ("id","name","number","profilePicUrl","createdAt","updatedAt","email","isGroup") VALUES (10,'Leonardo Dias','5511991110015',NULL,'2026-11-22 13:01:05.000000','2026-11-22 13:01:05.000000','',0);
INSERT INTO "Contacts" ("id","name","number","profilePicUrl","createdAt","updatedAt","email","isGroup") VALUES (11,'Joaquim Neves','5511991110020',NULL,'2026-11-22 13:01:06.000000','2026-11-22 13:01:06.000000','',0);
INSERT INTO "Contacts" ("id","name","number","profilePicUrl","createdAt","updatedAt","email","isGroup") VALUES (12,'Rafael Costa','558591110005',NULL,'2026-11-22 13:01:07.000000','2026-11-22 13:01:07.000000','',0);
INSERT INTO "Tickets" ("id","status","lastMessage","contactId","userId","createdAt","updatedAt","whatsappId","isGroup","unreadMessages","queueId") VALUES (1,'open','Olá',1,2,'2026-11-22 13:00:56.000000','2026-11-22 13:00:56.000000',2,0,0,1);
INSERT INTO "Tickets" ("id","status","lastMessage","contactId","userId","createdAt","updatedAt","whatsappId","isGroup","unreadMessages","queueId") VALUES (2,'open','Olá',2,2,'2026-11-22 13:00:57.000000','2026-11-22 13:00:58.000000',2,0,0,1);
INSERT INTO "Tickets" ("id","status","lastMessage","contactId","userId","createdAt","updatedAt","whatsappId","isGroup","unreadMessages","queueId") VALUES (3,'open','Olá',3,3,'2026-11-22 13:00:58.000000','2026-11-22 13:00:59.000000',2,0,0,1);
INSERT INTO "Tickets" ("id","status","lastMessage","contactId","userId","createdAt","updatedAt","whatsappId","isGroup","unreadMessages","queueId") VALUES (4,'open','Olá',4,2,'2026-11-22 13:00:59.000000','2026-11-22 13:01:00.000000',2,0,0,1);
INSERT INTO "Tickets" ("id","status","lastMessage","contactId","userId","createdAt","updatedAt","whatsappId","isGroup","unreadMessages","queueId") VALUES (5,'open','Olá',5,3,'2026-11-22 13:01:00.000000','2026-11-22 13:01:01.000000',2,0,0,1);
INSERT INTO "Tickets" ("id","status","lastMessage","contactId","userId","createdAt","updatedAt","whatsappId","isGroup","unreadMessages","queueId") VALUES (6,'pending','Olá',6,NULL,'2026-11-22 13:01:01.000000','2026-11-22 13:01:01.000000',2,0,0,1);
INSERT INTO "Tickets" ("id","status","lastMessage","contactId","userId","createdAt","updatedAt","whatsappId","isGroup","unreadMessages","queueId") VALUES (7,'open','Olá',7,2,'2026-11-22 13:01:02.000000','2026-11-22 13:01:03.000000',2,0,0,1);
INSERT INTO "Tickets" ("id","status","lastMessage","contactId","userId","createdAt","updatedAt","whatsappId","isGroup","unreadMessages","queueId") VALUES (8,'open','Olá',8,2,'2026-11-22 13:01:03.000000','2026-11-22 13:01:04.000000',2,0,0,1);
INSERT INTO "Tickets" ("id","status","lastMessage","contactId","userId","createdAt","updatedAt","whatsappId","isGroup","unreadMessages","queueId") VALUES (9,'open','Olá',9,2,'2026-11-22 13:01:04.000000','2026-11-22 13:01:05.000000',2,0,0,1);
INSERT INTO "Tickets" ("id","status","lastMessage","contactId","userId","createdAt","updatedAt","whatsappId","isGroup","unreadMessages","queueId") VALUES (10,'open','Olá',10,2,'2026-11-22 13:01:05.000000','2026-11-22 13:01:06.000000',2,0,0,1);
INSERT INTO "Tickets" ("id","status","lastMessage","contactId","userId","createdAt","updatedAt","whatsappId","isGroup","unreadMessages","queueId") VALUES (11,'pending','‎Olá Joaquim Neves, escolha um setor:
*1* - Financeiro
*2* - Suporte
*3* - Vendas
',11,NULL,'2026-11-22 13:01:06.000000','2026-11-22 13:01:13.000000',1,0,0,NULL);
INSERT INTO "Tickets" ("id","status","lastMessage","contactId","userId","createdAt","updatedAt","whatsappId","isGroup","unreadMessages","queueId") VALUES (12,'open','Olá',12,2,'2026-11-22 13:01:07.000000','2026-11-22 13:01:08.000000',2,0,0,1);
INSERT INTO "Messages" ("id","body","ack","read","mediaType","mediaUrl","ticketId","createdAt","updatedAt","fromMe","isDeleted","contactId","quotedMsgId") VALUES ('3EB083A2474297D671AAFD','Olá',0,1,'chat',NULL,1,'2026-11-22 13:00:56.144000','2026-11-22 13:00:56.168000',0,0,1,NULL);
INSERT INTO "Messages" ("id","body","ack","read","mediaType","mediaUrl","ticketId","createdAt","updatedAt","fromMe","isDeleted","contactId","quotedMsgId") VALUES ('3EB0E83ADA4D1408DE6740','Olá',0,1,'chat',NULL,2,'2026-11-22 13:00:57.225000','2026-11-22 13:00:57.251000',0,0,2,NULL);
INSERT INTO "Messages" ("id","body","ack","read","mediaType","mediaUrl","ticketId","createdAt","updatedAt","fromMe","isDeleted","contactId","quotedMsgId") VALUES ('3EB0473147F9FC53E5115E','Olá',0,1,'chat',NULL,3,'2026-11-22 13:00:58.237000','2026-11-22 13:00:58.250000',0,0,3,NULL);
INSERT INTO "Messages" ("id","body","ack","read","mediaType","mediaUrl","ticketId","createdAt","updatedAt","fromMe","isDeleted","contactId","quotedMsgId") VALUES ('3EB06A2CDE711D3E35C5B2','Olá',0,1,'chat',NULL,4,'2026-11-22 13:00:59.289000','2026-11-22 13:00:59.305000',0,0,4,NULL);
INSERT INTO "Messages" ("id","body","ack","read","mediaType","mediaUrl","ticketId","createdAt","updatedAt","fromMe","isDeleted","contactId","quotedMsgId") VALUES ('3EB087FB6E0C0062F4AB31','Olá',0,1,'chat',NULL,5,'2026-11-22 13:01:00.324000','2026-11-22 13:01:00.341000',0,0,5,NULL);
INSERT INTO "Messages" ("id","body","ack","read","mediaType","mediaUrl","ticketId","createdAt","updatedAt","fromMe","isDeleted","contactId","quotedMsgId") VALUES ('3EB05565ED5E01D992567E','Olá',0,1,'chat',NULL,6,'2026-11-22 13:01:01.357000','2026-11-22 13:01:01.373000',0,0,6,NULL);
INSERT INTO "Messages" ("id","body","ack","read","mediaType","mediaUrl","ticketId","createdAt","updatedAt","fromMe","isDeleted","contactId","quotedMsgId") VALUES ('3EB0E37EC7093D5033FE3B','Olá',0,1,'chat',NULL,7,'2026-11-22 13:01:02.358000','2026-11-22 13:01:02.370000',0,0,7,NULL);
INSERT INTO "Messages" ("id","body","ack","read","mediaType","mediaUrl","ticketId","createdAt","updatedAt","fromMe","isDeleted","contactId","quotedMsgId") VALUES ('3EB0036EE02C1196AF418A','Olá',0,1,'chat',NULL,8,'2026-11-22 13:01:03.393000','2026-11-22 13:01:03.407000',0,0,8,NULL);
INSERT INTO "Messages" ("id","body","ack","read","mediaType","mediaUrl","ticketId","createdAt","updatedAt","fromMe","isDeleted","contactId","quotedMsgId") VALUES ('3EB012C9051AC567F32CF3','Olá',0,1,'chat',NULL,9,'2026-11-22 13:01:04.414000','2026-11-22 13:01:04.428000',0,0,9,NULL);
INSERT INTO "Messages" ("id","body","ack","read","mediaType","mediaUrl","ticketId","createdAt","updatedAt","fromMe","isDeleted","contactId","quotedMsgId") VALUES ('3EB0ED0E3519A087A635E3','Olá',0,1,'chat',NULL,10,'2026-11-22 13:01:05.443000','2026-11-22 13:01:05.455000',0,0,10,NULL);
INSERT INTO "Messages" ("id","body","ack","read","mediaType","mediaUrl","ticketId","createdAt","updatedAt","fromMe","isDeleted","contactId","quotedMsgId") VALUES ('3EB0AD376954E097FB5AFB','Olá',0,1,'chat',NULL,11,'2026-11-22 13:01:06.461000','2026-11-22 13:01:13.131000',0,0,11,NULL);
INSERT INTO "Messages" ("id","body","ack","read","mediaType","mediaUrl","ticketId","createdAt","updatedAt","fromMe","isDeleted","contactId","quotedMsgId") VALUES ('3EB0BBD66A74DD8D65F701','Olá',0,1,'chat',NULL,12,'2026-11-22 13:01:07.468000','2026-11-22 13:01:07.480000',0,0,12,NULL);
INSERT INTO "Messages" ("id","body","ack","read","mediaType","mediaUrl","ticketId","createdAt","updatedAt","fromMe","isDeleted","contactId","quotedMsgId") VALUES ('3EB03CDC58172BA37DDB9B','‎Olá Joaquim Neves, escolha um setor:
*1* - Financeiro
*2* - Suporte
*3* - Vendas
',2,1,'chat',NULL,11,'2026-11-22 13:01:09.528000','2026-11-22 13:01:10.634000',1,0,NULL,NULL);

