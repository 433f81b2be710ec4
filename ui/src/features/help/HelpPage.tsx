import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { NavLink, useParams } from 'react-router';
import { NotFound } from '../../components/layout/states';
import { Card, PageHead } from '../../components/ui/card';
import { ErrorNote, Loading } from '../../components/ui/feedback';
import { useLocale } from '../../lib/locale';
import { Examples } from './Examples';
import { type GuideName, load, pages } from './pages';

/** The guide: a list of its pages, and the one that the address names. */
export function HelpPage() {
  const { t } = useTranslation();
  const { page = pages[0] } = useParams();
  const name = pages.find((known) => known === page);
  if (!name) return <NotFound />;
  return (
    <>
      <PageHead title={t('nav.help')} />
      <nav aria-label={t('help.contents')} className="mb-4 flex flex-wrap gap-2 text-sm" data-testid="guide-pages">
        {pages.map((other) => (
          <NavLink
            key={other}
            to={`/help/${other}`}
            aria-current={other === name ? 'page' : undefined}
            className={`border-line inline-flex min-h-11 min-w-11 items-center rounded-full border px-3 ${other === name ? 'bg-accent text-accent-ink' : 'bg-surface'}`}
          >
            {t(`help.page.${other}`)}
          </NavLink>
        ))}
      </nav>
      <Page key={name} name={name} />
    </>
  );
}

function Page({ name }: { name: GuideName }) {
  const language = useLocale();
  const { data, error } = useQuery({
    queryKey: ['guide', language, name],
    queryFn: () => load(name, language),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (error) return <ErrorNote error={error} />;
  if (!data) return <Loading />;
  return (
    <Card testId="guide-page">
      <h2 className="text-lg font-bold">{data.title}</h2>
      <div className="guide" dangerouslySetInnerHTML={{ __html: data.html }} />
      {name === 'api' && <Examples />}
    </Card>
  );
}
