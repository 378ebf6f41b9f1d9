"""What can go wrong with accounts, in words."""

from chatai.core.errors import Conflict, Forbidden, Invalid, TooMany, Unauthenticated


class InvalidCredentials(Unauthenticated):
    """Deliberately the same for an unknown address and a wrong password."""

    code = "invalid_credentials"
    en = "The e-mail address and the password do not match."
    ru = "Адрес почты и пароль не подходят друг к другу."


class NotConfirmed(Forbidden):
    code = "not_confirmed"
    en = "Your e-mail address is not confirmed yet. We have just sent you a new link."
    ru = "Адрес почты ещё не подтверждён. Мы только что отправили вам новую ссылку."


class AccountDisabled(Forbidden):
    code = "account_disabled"
    en = "This account is disabled. Please ask your administrator."
    ru = "Эта учётная запись отключена. Обратитесь к администратору."


class InvalidEmail(Invalid):
    code = "invalid_email"
    en = "This does not look like an e-mail address."
    ru = "Это не похоже на адрес почты."


class InvalidName(Invalid):
    code = "invalid_name"
    en = "Please enter a name of 1 to 100 characters."
    ru = "Введите имя длиной от 1 до 100 символов."


class WeakPassword(Invalid):
    code = "weak_password"
    en = "The password needs 10 to 200 characters and may not be one that everybody tries first."
    ru = "В пароле должно быть от 10 до 200 символов, и он не должен быть из тех, что пробуют первыми."


class WrongPassword(Invalid):
    code = "wrong_password"
    en = "The current password is not right."
    ru = "Текущий пароль неверен."


class InvalidToken(Invalid):
    code = "invalid_token"
    en = "This link is no longer valid. Please ask for a new one."
    ru = "Ссылка больше не действует. Запросите новую."


class AlreadySetUp(Conflict):
    code = "already_set_up"
    en = "This installation already has its first administrator. Please log in or register."
    ru = "Первый администратор здесь уже есть. Войдите или зарегистрируйтесь."


class TooManyAttempts(TooMany):
    code = "too_many_attempts"
    en = "Too many attempts. Please wait a few minutes and try again."
    ru = "Слишком много попыток. Подождите несколько минут и попробуйте снова."
