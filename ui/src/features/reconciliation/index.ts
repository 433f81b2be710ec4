export { HeldBadge, HeldNote } from './Held';
export { OpenQuestions } from './OpenQuestions';
export { ReconciliationPage } from './ReconciliationPage';
