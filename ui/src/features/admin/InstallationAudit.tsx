import { useTranslation } from 'react-i18next';
import { useAdminUsers, useInstallationAudit } from '../../api/queries/admin';
import type { AuditItem } from '../../api/types';
import { AuditCard } from '../../components/ui/audit';

/** What was done to the installation. */
export function InstallationAudit() {
  const { t } = useTranslation();
  const users = useAdminUsers().data?.items ?? [];
  const about = ({ by, detail }: AuditItem) => {
    const { user } = (detail ?? {}) as { user?: unknown };
    return user === by ? undefined : users.find(({ id }) => id === user)?.username;
  };
  return <AuditCard title={t('audit.installation')} query={useInstallationAudit()} about={about} />;
}
