import { useTranslation } from 'react-i18next';
import { useAdminUsers, useInstallationAudit } from '../../api/queries/admin';
import type { AuditItem } from '../../api/types';
import { AuditTable } from '../../components/ui/audit';
import { Button } from '../../components/ui/button';
import { Card } from '../../components/ui/card';
import { Empty, QueryView } from '../../components/ui/feedback';

/** What was done to the installation, newest first. */
export function AuditCard() {
  const { t } = useTranslation();
  const query = useInstallationAudit();
  const users = useAdminUsers().data?.items ?? [];
  const about = ({ by, detail }: AuditItem) => {
    const { user } = (detail ?? {}) as { user?: unknown };
    return user === by ? undefined : users.find(({ id }) => id === user)?.username;
  };
  return (
    <Card title={t('audit.installation')} testId="audit">
      <QueryView
        query={query}
        isEmpty={(data) => data.pages.every((page) => page.items.length === 0)}
        empty={<Empty title={t('audit.none')} />}
      >
        {(data) => (
          <>
            <AuditTable label={t('audit.installation')} rows={data.pages.flatMap((page) => page.items)} about={about} />
            {query.hasNextPage && (
              <div className="mt-3 text-center">
                <Button
                  busy={query.isFetchingNextPage}
                  data-testid="audit-more"
                  onClick={() => void query.fetchNextPage()}
                >
                  {t('common.more')}
                </Button>
              </div>
            )}
          </>
        )}
      </QueryView>
    </Card>
  );
}
