export { EmergencyPage } from './EmergencyPage';
