export { BotForm, type BotFormApi, useBotForm } from './BotForm';
export { BotPage } from './BotPage';
export { BotsPage } from './BotsPage';
export { NewBotPage } from './NewBotPage';
export { botFields, newBotText, patchOf, textOf } from './settings';
