import { useTranslation } from 'react-i18next';
import type { Role } from '../../api/types';
import { Choice } from '../../components/ui/field';

const ROLES: readonly Role[] = ['user', 'viewer', 'admin'];

export function RoleChoice({ value, onChange }: { value: Role; onChange: (role: Role) => void }) {
  const { t } = useTranslation();
  return (
    <div>
      <Choice
        label={t('admin.role')}
        value={value}
        onChange={onChange}
        options={ROLES.map((role) => ({ value: role, label: t(`role.${role}`), testId: `role-${role}` }))}
      />
      <p className="text-muted mt-1 text-xs">{t(`roleText.${value}`)}</p>
    </div>
  );
}
