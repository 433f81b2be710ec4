export { SharedAccountPage } from './SharedAccountPage';
export { SharedPage } from './SharedPage';
