#include "agent/login_verbs.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "agent/key_verbs.h"
#include "agent/queue_verbs.h"
#include "base/text.h"
#include "base/time_text.h"
#include "configuration/schema.h"

namespace angarium::agent {
namespace {

namespace json = boost::json;
using account::Account;
using account::AppPassword;
using account::Totp;
using account::Use;
using control::Request;

/// What is not as the verb needs it to be.
constexpr ErrorKind kRefused{"agent.login-refused", Fault::user, Lasting::permanent};

std::string address_of(const Request& request) { return std::string(request.get("address")); }

Result<Account> account_of(Services& services, const Request& request) {
  auto found = TRY(services.directory().account(request.get("address")));
  if (!found) return fail(account::kUnknown, "there is no account " + escape_controls(request.get("address")));
  return *std::move(found);
}

json::array uses_of(const AppPassword& password) {
  json::array uses;
  for (const Use use : account::kUses)
    if (password.allows(use)) uses.emplace_back(account::to_text(use));
  return uses;
}

std::string expiry_of(const AppPassword& password) { return password.expires ? to_rfc3339(*password.expires) : ""; }

json::object show(const AppPassword& password, WallTime now) {
  json::object row{{"name", password.name},
                   {"for", uses_of(password)},
                   {"created", to_rfc3339(password.created)},
                   {"expires", expiry_of(password) + (password.is_over(now) ? " (over)" : "")}};
  const auto& last = password.last_use;
  row["last_used"] = last ? to_rfc3339(last->at) : "";
  row["last_for"] = last ? std::string(account::to_text(last->use)) : "";
  row["last_from"] = !last ? "" : last->peer.empty() ? "this host" : last->peer;
  return row;
}

/// "90d" from now, or a time as people write it.
Result<std::optional<WallTime>> read_expiry(const Request& request, WallTime now) {
  const std::string_view text = request.get("expires");
  if (text.empty()) return std::nullopt;
  Duration left{};
  if (configuration::parse_duration(text, left)) {
    // A number that large is no day.
    if (left > INT64_MAX / 2 * Duration(1)) return fail(kUsageError, "that is too long");
    return WallTime{now.microseconds + left.count()};
  }
  const auto time = parse_time(text);
  if (!time) return fail(kUsageError, "'" + escape_controls(text) + "' is no time: write 90d, or 2027-12-31");
  if (*time <= now) return fail(kUsageError, "'" + escape_controls(text) + "' is over already");
  return time;
}

Result<AppPassword> wanted_of(const Request& request, WallTime now) {
  AppPassword wanted{.name = std::string(request.get("name")), .created = now};
  TRY(account::check_app_password_name(wanted.name));
  for (const std::string& text : request.all("use")) {
    const auto use = account::parse_use(text);
    if (!use) return fail(kUsageError, "'" + escape_controls(text) + "' is no use of it: imap, pop3 or smtp");
    wanted.allow(*use);
  }
  // What is added to the protocols later is not for those that were made before.
  if (wanted.uses == 0)
    for (const Use use : account::kUses) wanted.allow(use);
  wanted.expires = TRY(read_expiry(request, now));
  return wanted;
}

Result<json::value> app_password_add(Services& services, const Request& request) {
  AppPassword wanted = TRY(wanted_of(request, services.clock().wall()));
  const sasl::Secret secret = TRY(account::make_app_password(wanted));
  const Account owner = TRY(account_of(services, request));
  TRY(services.directory().change_app_passwords(owner.address, [&](std::vector<AppPassword>& all) -> Result<> {
    if (std::ranges::find(all, wanted.name, &AppPassword::name) != all.end())
      return fail(account::kExists, owner.address + " has an app password of that name; remove it first");
    if (all.size() >= account::kAppPasswordsMax)
      return fail(kRefused, "an account has " + std::to_string(account::kAppPasswordsMax) +
                                " app passwords at most; remove one that is not used any more");
    all.push_back(wanted);
    return {};
  }));
  return json::object{{"address", owner.address},
                      {"name", wanted.name},
                      {"for", uses_of(wanted)},
                      {"expires", expiry_of(wanted)},
                      {"password", std::string(secret.view())}};
}

Result<json::value> app_password_list(Services& services, const Request& request) {
  const Account owner = TRY(account_of(services, request));
  json::array rows;
  for (const AppPassword& one : TRY(services.directory().app_passwords(owner.id)))
    rows.push_back(show(one, services.clock().wall()));
  return rows;
}

Result<json::value> app_password_remove(Services& services, const Request& request) {
  const std::string name(request.get("name"));
  TRY(services.directory().change_app_passwords(address_of(request), [&](std::vector<AppPassword>& all) -> Result<> {
    if (std::erase_if(all, [&](const AppPassword& one) { return one.name == name; }) > 0) return {};
    return fail(account::kUnknown, "there is no app password '" + escape_controls(name) + "' of this account");
  }));
  return json::object{{"address", address_of(request)}, {"name", name}};
}

json::object show_totp(const Account& account) {
  const bool on = account.wants_second_factor();
  return {{"address", account.address},
          {"totp", on             ? "on"
                   : account.totp ? "to be confirmed"
                                  : "off"},
          {"since", account.totp ? to_rfc3339(account.totp->since) : ""},
          {"recovery_codes_left", account.totp ? account.totp->recovery.size() : 0}};
}

Result<json::value> totp_enable(Services& services, const Request& request) {
  const Totp fresh = account::make_totp(services.clock().wall());
  bool on = false;
  const Account changed = TRY(services.directory().change_account(address_of(request), [&](Account& account) {
    on = account.wants_second_factor();
    if (!on) account.totp = fresh;
  }));
  if (on)
    return fail(kRefused, changed.address + " has a second factor; for another one: angarium account totp disable");
  return json::object{{"address", changed.address},
                      {"totp", "to be confirmed"},
                      {"secret", account::totp_secret_text(fresh)},
                      {"url", account::totp_url(fresh, changed.address, services.verifier().realm())},
                      {"next", "angarium account totp confirm " + changed.address + " CODE"}};
}

Result<json::value> totp_confirm(Services& services, const Request& request) {
  const WallTime now = services.clock().wall();
  std::vector<std::string> codes;
  Result<> outcome;
  const Account changed = TRY(services.directory().change_account(address_of(request), [&](Account& account) {
    outcome = {};
    if (!account.totp)
      outcome = fail(kRefused, "there is nothing to confirm: angarium account totp enable " + account.address);
    else if (account.totp->on)
      outcome = fail(kRefused, account.address + " has a second factor already");
    else if (!account::take_code(*account.totp, request.get("code"), now))
      outcome =
          fail(kRefused, "that is not the code of this moment; is the clock of the device right, and this host's?");
    if (!outcome) return;
    auto made = account::make_recovery_codes(*account.totp);
    if (!made) {
      outcome = std::unexpected(std::move(made).error());
      return;
    }
    codes = *std::move(made);
    account.totp->on = true;
    account.totp->since = now;
  }));
  TRY(std::move(outcome));
  json::array shown;
  for (const std::string& code : codes) shown.emplace_back(code);
  return json::object{{"address", changed.address}, {"totp", "on"}, {"recovery_codes", std::move(shown)}};
}

Result<json::value> totp_disable(Services& services, const Request& request) {
  return show_totp(
      TRY(services.directory().change_account(address_of(request), [](Account& account) { account.totp.reset(); })));
}

Result<json::value> totp_status(Services& services, const Request& request) {
  return show_totp(TRY(account_of(services, request)));
}

struct Verb {
  std::string_view name;
  Result<json::value> (*run)(Services&, const Request&);
};
constexpr std::array<Verb, 7> kVerbs = {{{"account.app-password.add", app_password_add},
                                         {"account.app-password.list", app_password_list},
                                         {"account.app-password.remove", app_password_remove},
                                         {"account.totp.enable", totp_enable},
                                         {"account.totp.confirm", totp_confirm},
                                         {"account.totp.disable", totp_disable},
                                         {"account.totp.status", totp_status}}};
constexpr std::string_view kKeys = "account.auth";

}  // namespace

bool is_login_verb(std::string_view verb) {
  return verb == kKeys || std::ranges::find(kVerbs, verb, &Verb::name) != kVerbs.end();
}

Result<std::string> login_verb(Services& services, const Request& request) {
  if (request.verb == kKeys) return account_keys(services, request);
  const auto verb = std::ranges::find(kVerbs, request.verb, &Verb::name);
  if (verb == kVerbs.end())
    return fail(kUsageError, "the server does not know '" + escape_controls(request.verb) + "'");
  return json::serialize(TRY(verb->run(services, request)));
}

}  // namespace angarium::agent
