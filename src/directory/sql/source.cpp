#include "directory/sql/source.h"

#include "base/log.h"
#include "base/text.h"
#include "directory/person/connections.h"
#include "directory/sql/session.h"

namespace angarium::directory {
namespace {

std::string at(const Row& row, const char* column) {
  const auto found = row.find(column);
  return found == row.end() ? std::string() : found->second;
}

class SqlSource final : public Source {
 public:
  SqlSource(SqlOptions options, const Clock& clock)
      : options_(std::move(options)),
        sessions_({.name = options_.name, .max = options_.connections, .wait = options_.timeout}, clock) {}

  Result<std::optional<Person>> find(const Asked& asked) override {
    const auto row = TRY(ask(asked));
    if (!row) return std::nullopt;
    return TRY(person_of(*row, asked));
  }

  Result<Check> check(const Asked& asked, const sasl::Secret& password) override {
    if (password.empty()) return Check{.kind = Check::Kind::wrong, .person = {}};
    const auto row = TRY(ask(asked));
    if (!row) return Check{};
    const auto stored = stored_in(*row, asked);
    if (!stored) return Check{.kind = Check::Kind::wrong, .person = {}};
    const auto right = matches(*stored, password.view());
    if (!right && right.error().temporary()) return std::unexpected(right.error());
    if (!right) unusable(right.error(), asked);
    if (!right || !*right) return Check{.kind = Check::Kind::wrong, .person = {}};
    return Check{.kind = Check::Kind::right, .person = TRY(person_of(*row, asked))};
  }

  Result<std::optional<sasl::ScramKeys>> scram_keys(const Asked& asked, sasl::Hash hash) override {
    const auto row = TRY(ask(asked));
    if (!row) return std::nullopt;
    const auto stored = stored_in(*row, asked);
    if (!stored || stored->kind != StoredPassword::Kind::scram || stored->keys.hash != hash) return std::nullopt;
    return stored->keys;
  }

 private:
  Result<std::unique_ptr<SqlSession>> open() {
    if (const auto* const postgresql = std::get_if<PostgresqlOptions>(&options_.database))
      return open_postgresql(*postgresql, options_.timeout);
    return open_sqlite(std::get<SqliteOptions>(options_.database), options_.timeout);
  }

  Result<std::optional<Row>> ask(const Asked& asked) {
    std::vector<std::string> values;
    for (const Template::Place place : options_.statement.parameters) {
      values.push_back(value_of(place, asked));
      // Neither database can look for it, and libpq would cut the value there.
      if (values.back().find('\0') != std::string::npos) return std::nullopt;
    }
    return sessions_.ask([&] { return open(); },
                         [&](SqlSession& session) { return session.ask(options_.statement, values); });
  }

  /// A form that is not taken is told to the operator, and to the user as a wrong password.
  std::optional<StoredPassword> stored_in(const Row& row, const Asked& asked) const {
    auto stored = parse_stored(at(row, "password"), options_.plain);
    if (stored) return *std::move(stored);
    unusable(stored.error(), asked);
    return std::nullopt;
  }
  void unusable(const Error& error, const Asked& asked) const {
    log::warning("directory", "a password that is kept there cannot be used",
                 {{"directory", options_.name}, {"user", asked.address}, {"error", error.text()}});
  }

  static Result<Person> person_of(const Row& row, const Asked& asked) {
    Person person{.address = at(row, "address"), .name = at(row, "name"), .quota = {}};
    if (person.address.empty()) person.address = asked.address;
    if (const std::string quota = at(row, "quota"); !quota.empty()) {
      person.quota = parse_number<std::uint64_t>(quota);
      if (!person.quota) return fail(kImplausible, "the quota of " + escape_controls(asked.address) + " is no number");
    }
    return person;
  }

  const SqlOptions options_;
  Connections<SqlSession> sessions_;
};

}  // namespace

std::unique_ptr<Source> sql_source(SqlOptions options, const Clock& clock) {
  return std::make_unique<SqlSource>(std::move(options), clock);
}

}  // namespace angarium::directory
