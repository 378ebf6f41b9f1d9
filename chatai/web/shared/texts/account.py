"""Texts of the account page."""

from chatai.web.shared.i18n import Text

TITLE = Text("Account", "Профиль")
PROFILE = Text("Profile", "О вас")
NAME = Text("Name", "Имя")
EMAIL = Text("E-mail", "Эл. почта")
LOOK = Text("Language and appearance", "Язык и оформление")
PASSWORD = Text("Password", "Пароль")
CURRENT = Text("Current password", "Текущий пароль")
NEW = Text("New password", "Новый пароль")
CHANGE = Text("Change the password", "Сменить пароль")
CHANGED = Text(
    "The password is changed. Other devices are logged out.", "Пароль изменён. На других устройствах выполнен выход."
)
SESSIONS = Text("Where you are logged in", "Где вы вошли")
THIS_DEVICE = Text("this browser", "этот браузер")
LAST_SEEN = Text("last seen {moment}", "последняя активность {moment}")
REVOKE = Text("Log out", "Завершить")
REVOKED = Text("Logged out there", "Сеанс завершён")
EVERYWHERE = Text("Log out everywhere", "Выйти везде")
UNKNOWN_DEVICE = Text("Unknown browser", "Неизвестный браузер")
