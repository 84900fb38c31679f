#include <libpq-fe.h>
#include <poll.h>

#include <array>
#include <cerrno>

#include "base/text.h"
#include "directory/sql/session.h"

namespace angarium::directory {
namespace {

struct Finish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
using Connection = std::unique_ptr<PGconn, Finish>;
struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Answer = std::unique_ptr<PGresult, Clear>;
struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using ConnectionOptions = std::unique_ptr<PQconninfoOption, FreeOptions>;

std::string words_of(const PGconn* connection) {
  std::string_view words = PQerrorMessage(connection);
  return escape_controls(words.substr(0, words.find('\n')), 200);
}

Result<ConnectionOptions> read(const std::string& connection) {
  char* said = nullptr;
  ConnectionOptions options(PQconninfoParse(connection.c_str(), &said));
  const std::string words = said == nullptr ? "" : escape_controls(trim(std::string_view(said)), 200);
  PQfreemem(said);
  if (options == nullptr) return fail(kInvalid, "libpq does not read it: " + words);
  return options;
}

std::string value_of(const ConnectionOptions& options, std::string_view name) {
  for (const PQconninfoOption* at = options.get(); at->keyword != nullptr; ++at)
    if (at->keyword == name && at->val != nullptr) return at->val;
  return {};
}

std::string host_of(const ConnectionOptions& options) {
  std::string address = value_of(options, "hostaddr");
  return address.empty() ? value_of(options, "host") : address;
}

/// What need not be encrypted: sockets of this host.
bool is_local(std::string_view host) {
  return host.empty() || host.front() == '/' || host.front() == '@' || host == "localhost" || host == "127.0.0.1" ||
         host == "::1";
}

/// libpq tries a list of hosts one by one, and any of them may be the one that gets the password.
bool are_local(std::string_view hosts) {
  for (;;) {
    const std::size_t comma = hosts.find(',');
    if (!is_local(trim(hosts.substr(0, comma)))) return false;
    if (comma == std::string_view::npos) return true;
    hosts.remove_prefix(comma + 1);
  }
}

/// Waits until the socket is ready, to the deadline.
Result<> wait_for(const PGconn* connection, short events, Moment deadline) {
  for (;;) {
    const Duration left = deadline - system_clock().now();
    if (left <= Duration(0)) return fail(kTimedOut, "the database does not answer in time");
    pollfd socket{.fd = PQsocket(connection), .events = events, .revents = 0};
    if (socket.fd < 0) return fail(kLost, "the connection to the database is closed");
    const int ready = ::poll(&socket, 1, static_cast<int>((left.count() + 999) / 1000));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail(kLost, "poll fails");
  }
}

class PostgresqlSession final : public SqlSession {
 public:
  PostgresqlSession(Connection connection, Duration timeout) : connection_(std::move(connection)), timeout_(timeout) {}

  Result<std::optional<Row>> ask(const Statement& statement, const std::vector<std::string>& values) override {
    const Moment deadline = system_clock().now() + timeout_;
    std::vector<const char*> parameters;
    parameters.reserve(values.size());
    for (const std::string& value : values) parameters.push_back(value.c_str());
    PGconn* const connection = connection_.get();
    if (PQsendQueryParams(connection, statement.text.c_str(), static_cast<int>(parameters.size()), nullptr,
                          parameters.data(), nullptr, nullptr, 0) != 1)
      return fail(kLost, words_of(connection));
    TRY(flush(deadline));
    std::optional<Answer> first;
    // All results are taken, so that the connection can be asked again.
    for (;;) {
      while (PQisBusy(connection) != 0) {
        TRY(wait_for(connection, POLLIN, deadline));
        if (PQconsumeInput(connection) != 1) return fail(kLost, words_of(connection));
      }
      Answer answer(PQgetResult(connection));
      if (answer == nullptr) break;
      if (!first) first = std::move(answer);
    }
    if (!first) return fail(kLost, "the database gives no answer");
    return row_of(first->get());
  }

 private:
  Result<> flush(Moment deadline) {
    for (;;) {
      const int left = PQflush(connection_.get());
      if (left == 0) return {};
      if (left < 0) return fail(kLost, words_of(connection_.get()));
      TRY(wait_for(connection_.get(), POLLIN | POLLOUT, deadline));
      if (PQconsumeInput(connection_.get()) != 1) return fail(kLost, words_of(connection_.get()));
    }
  }

  Result<std::optional<Row>> row_of(const PGresult* answer) const {
    if (PQresultStatus(answer) != PGRES_TUPLES_OK) {
      const char* const state = PQresultErrorField(answer, PG_DIAG_SQLSTATE);
      const std::string_view code = state == nullptr ? "" : state;
      // The detail and the hint may hold values; the first line does not.
      const char* const said = PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY);
      const std::string words = escape_controls(said == nullptr ? "the database fails" : said, 200);
      if (code == "57014") return fail(kTimedOut, words);  // query_canceled: statement_timeout
      // 08: connection exceptions; 57P: the server goes down or comes up. None: libpq itself, the connection is gone.
      if (code.empty() || code.starts_with("08") || code.starts_with("57P")) return fail(kLost, words);
      return fail(kRefused, words);
    }
    if (PQntuples(answer) == 0) return std::nullopt;
    if (PQntuples(answer) > 1) return fail(kImplausible, "the statement gives more than one row for one address");
    Row row;
    for (int column = 0; column < PQnfields(answer); ++column) {
      if (PQgetisnull(answer, 0, column) != 0) continue;
      const auto size = static_cast<std::size_t>(PQgetlength(answer, 0, column));
      if (size > kValueMax)
        return fail(kImplausible, "a value is longer than " + std::to_string(kValueMax) + " octets");
      row[to_lower(PQfname(answer, column))] = std::string(PQgetvalue(answer, 0, column), size);
    }
    return row;
  }

  Connection connection_;
  Duration timeout_;
};

/// Names and values, which live as long as this.
struct Parameters {
  std::vector<std::pair<const char*, std::string>> all;
  std::vector<const char*> names;
  std::vector<const char*> values;
  void finish() {
    for (const auto& [name, value] : all) {
      names.push_back(name);
      values.push_back(value.c_str());
    }
    names.push_back(nullptr);
    values.push_back(nullptr);
  }
};

}  // namespace

Result<> check_connection(const std::string& connection) {
  const ConnectionOptions options = TRY(read(connection));
  if (!value_of(options, "password").empty() || !value_of(options, "sslpassword").empty())
    return fail(kInvalid, "it holds a password: put that into password_file");
  return {};
}

Result<std::unique_ptr<SqlSession>> open_postgresql(const PostgresqlOptions& options, Duration timeout) {
  const ConnectionOptions given = TRY(read(options.connection));
  const auto milliseconds = std::to_string(std::max<std::int64_t>(timeout.count() / 1000, 1));
  Parameters parameters;
  parameters.all = {{"dbname", options.connection},
                    {"client_encoding", "UTF8"},
                    {"application_name", "angarium"},
                    {"tcp_user_timeout", milliseconds},
                    // The database ends what takes too long by itself, and nothing is written.
                    {"options", value_of(given, "options") +
                                    " -c default_transaction_read_only=on -c statement_timeout=" + milliseconds}};
  if (!options.password.empty()) parameters.all.emplace_back("password", options.password.view());
  if (value_of(given, "sslmode").empty() && !are_local(host_of(given))) {
    parameters.all.emplace_back("sslmode", "verify-full");
    if (value_of(given, "sslrootcert").empty()) parameters.all.emplace_back("sslrootcert", options.ca_file);
  }
  parameters.finish();
  const Moment deadline = system_clock().now() + timeout;
  Connection connection(PQconnectStartParams(parameters.names.data(), parameters.values.data(), 1));
  for (auto& [name, value] : parameters.all)
    if (std::string_view(name) == "password") wipe(value);
  if (connection == nullptr) return fail(kOutOfMemory, "for a connection to PostgreSQL");
  if (PQstatus(connection.get()) == CONNECTION_BAD) return fail(kUnreachable, words_of(connection.get()));
  for (PostgresPollingStatusType state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK;) {
    if (state == PGRES_POLLING_FAILED) return fail(kUnreachable, words_of(connection.get()));
    TRY(wait_for(connection.get(), state == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline));
    state = PQconnectPoll(connection.get());
  }
  if (PQsetnonblocking(connection.get(), 1) != 0) return fail(kUnreachable, words_of(connection.get()));
  return std::make_unique<PostgresqlSession>(std::move(connection), timeout);
}

}  // namespace angarium::directory
