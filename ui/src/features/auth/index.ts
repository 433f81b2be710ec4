export { LoginPage } from './LoginPage';
export { RecoveryPage } from './RecoveryPage';
export { RegisterPage } from './RegisterPage';
export { ResetPage } from './ResetPage';
export { SignedInPage } from './SignedInPage';
