export { BotPage } from './BotPage';
export { BotsPage } from './BotsPage';
export { NewBotPage } from './NewBotPage';
