export { AccountPage } from './AccountPage';
export { NewAccountPage } from './NewAccountPage';
