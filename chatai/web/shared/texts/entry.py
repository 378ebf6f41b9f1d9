"""Texts of logging in, registering and new passwords."""

from chatai.web.shared.i18n import Text

LOG_IN = Text("Log in", "Войти")
WELCOME = Text("Welcome back", "С возвращением")
WELCOME_LEAD = Text("Log in to your workspace.", "Войдите в своё рабочее пространство.")
EMAIL = Text("E-mail", "Эл. почта")
PASSWORD = Text("Password", "Пароль")
NEW_PASSWORD = Text("New password", "Новый пароль")
PASSWORD_HINT = Text("At least 10 characters. A few words are fine.", "Не меньше 10 знаков. Подойдут несколько слов.")
FORGOTTEN = Text("Forgotten the password?", "Забыли пароль?")
NO_ACCOUNT = Text("No account yet?", "Ещё нет учётной записи?")
REGISTER = Text("Create an account", "Создать учётную запись")
REGISTER_TITLE = Text("Create your account", "Создайте учётную запись")
REGISTER_LEAD = Text(
    "Your workspace is made along with it. Documents stay on this server.",
    "Вместе с ней появится рабочее пространство. Документы остаются на этом сервере.",
)
SETUP_LEAD = Text(
    "This is the first account of this installation. It will be its administrator.",
    "Это первая учётная запись этой установки. Она станет её администратором.",
)
NAME = Text("Your name", "Ваше имя")
HAVE_ACCOUNT = Text("Have an account?", "Уже есть учётная запись?")
CONFIRM_TITLE = Text("Look into your mail", "Проверьте почту")
CONFIRM_LEAD = Text(
    "We have sent a link to {email}. Open it to finish. On a fresh installation without a mail server the link is "
    "printed in the console where ChatAI runs.",
    "Мы отправили ссылку на {email}. Откройте её, чтобы закончить. На новой установке без почтового сервера ссылка "
    "напечатана в консоли, где запущен ChatAI.",
)
CONFIRMED_TITLE = Text("Your address is confirmed", "Адрес подтверждён")
CONFIRMED_LEAD = Text("You can log in now.", "Теперь можно войти.")
CONFIRM_FAILED_TITLE = Text("This link does not work", "Эта ссылка не работает")
RESET_TITLE = Text("Set a new password", "Новый пароль")
RESET_LEAD = Text(
    "Tell us your e-mail, and we send a link with which you set a new one.",
    "Укажите почту, и мы пришлём ссылку, по которой можно задать новый пароль.",
)
RESET_SEND = Text("Send the link", "Прислать ссылку")
RESET_SENT = Text(
    "If there is an account with this address, a link is on its way. It works for one hour.",
    "Если учётная запись с таким адресом есть, ссылка уже в пути. Она действует один час.",
)
RESET_SAVE = Text("Set the password and log in", "Сохранить пароль и войти")
RESET_DONE = Text("The password is set. Log in with it.", "Пароль задан. Войдите с ним.")
BACK_TO_LOGIN = Text("Back to log-in", "Назад ко входу")
PITCH = Text(
    "Your documents answer your customers. With the page to prove it.",
    "Ваши документы отвечают клиентам. И показывают страницу.",
)
PITCH_ASKED = Text("Can I return shoes I have worn once?", "Можно вернуть обувь, если один раз надел?")
PITCH_ANSWER = Text(
    "Worn shoes can be returned within 14 days only if there is a defect. Unworn ones can be returned "
    "without giving a reason.",
    "Ношеную обувь можно вернуть в течение 14 дней только при наличии дефекта. Неношеную — без объяснения причин.",
)
PITCH_SOURCE = Text("Returns policy.pdf, p. 4", "Правила возврата.pdf, с. 4")
PITCH_POINTS = (
    Text("Telegram bots and web chat from one knowledge base", "Telegram-боты и веб-чат на одной базе знаний"),
    Text("Every answer names its page", "У каждого ответа указана страница"),
    Text("Runs on your own machine", "Работает на вашем сервере"),
)
