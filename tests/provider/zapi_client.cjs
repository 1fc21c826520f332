// Makes one call with z-api-sdk and prints what it returned, or how it understood the refusal.
const { ZAPI } = require("z-api-sdk");

const { url, resource, method, args } = JSON.parse(process.argv[2]);
const client = new ZAPI({
  instanceId: "loja", token: "t0ken", clientToken: "acc0unt", baseURL: url, maxRetries: 0, timeout: 10000,
});

client[resource][method](...args).then(
  (found) => console.log(JSON.stringify({ found: found ?? null })),
  (error) => console.log(JSON.stringify({ error: error.constructor.name, status: error.status ?? null, body: error.body ?? null })),
);
