// One bot, one process: connected to everything it needs, polling, and idle. Prints "ready" when it is.
const TelegramBot = require("node-telegram-bot-api");
const OpenAI = require("openai");
const { Pool } = require("pg");
const Redis = require("ioredis");

const { TOKEN, TELEGRAM_URL, OPENAI_URL, PG_HOST, PG_USER, PG_PASSWORD, PG_DATABASE, REDIS_SOCKET } = process.env;

async function main() {
  const pool = new Pool({ host: PG_HOST, user: PG_USER, password: PG_PASSWORD, database: PG_DATABASE, max: 5 });
  await pool.query("SELECT 1");
  const redis = new Redis(REDIS_SOCKET);
  await redis.ping();
  const model = new OpenAI({ baseURL: OPENAI_URL, apiKey: "sk-bench" });
  const bot = new TelegramBot(TOKEN, { polling: { params: { timeout: 25 } }, baseApiUrl: TELEGRAM_URL });
  bot.on("message", async (message) => {
    const answer = await model.chat.completions.create({
      model: "gpt-4.1-mini",
      messages: [{ role: "user", content: message.text }],
    });
    await bot.sendMessage(message.chat.id, answer.choices[0].message.content);
  });
  await bot.getMe();
  console.log("ready");
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
