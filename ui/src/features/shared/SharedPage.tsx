import { useTranslation } from 'react-i18next';
import { useDecline, useReceivedGrants } from '../../api/queries/sharing';
import { Button, ButtonLink } from '../../components/ui/button';
import { Card, PageHead } from '../../components/ui/card';
import { Empty, ErrorNote, QueryView } from '../../components/ui/feedback';
import { When } from '../../components/ui/value';

/** What others let this person do with their accounts. */
export function SharedPage() {
  const { t } = useTranslation();
  const query = useReceivedGrants();
  const decline = useDecline();
  return (
    <>
      <PageHead title={t('nav.shared')} />
      {decline.error && <ErrorNote error={decline.error} />}
      <QueryView
        query={query}
        isEmpty={(data) => data.items.length === 0}
        empty={<Empty title={t('shared.none')}>{t('shared.noneText')}</Empty>}
      >
        {(data) => (
          <ul className="space-y-3">
            {data.items.map((item) => (
              <li key={item.id} data-testid="shared-row">
                <Card>
                  <div className="flex flex-wrap items-center justify-between gap-3">
                    <div className="min-w-0">
                      <p className="wrap-anywhere">
                        <strong>{item.account}</strong> <span className="text-muted">· {item.owner}</span>
                      </p>
                      <p className="text-muted text-sm">
                        {t(`grantKind.${item.kind}`)} · {t('access.until')} <When at={item.until} long />
                      </p>
                    </div>
                    <div className="flex flex-wrap gap-2">
                      <ButtonLink tone="primary" to={`/shared/${item.id}`} data-testid="shared-open">
                        {t('shared.open')}
                      </ButtonLink>
                      <Button
                        busy={decline.isPending && decline.variables === item.id}
                        data-testid="shared-decline"
                        onClick={() => decline.mutate(item.id)}
                      >
                        {t('shared.decline')}
                      </Button>
                    </div>
                  </div>
                </Card>
              </li>
            ))}
          </ul>
        )}
      </QueryView>
    </>
  );
}
