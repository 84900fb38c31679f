// People in a table of PostgreSQL or SQLite: one statement finds them, with the password as it is kept.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "base/time.h"
#include "directory/person/person.h"
#include "directory/person/scheme.h"
#include "directory/sql/statement.h"
#include "sasl/secret.h"

namespace angarium::directory {

struct PostgresqlOptions {
  std::string connection;  ///< libpq's "host=… dbname=… user=…", without a password
  sasl::Secret password;   ///< empty: none is given
  std::string ca_file;  ///< PEM, for sslmode=verify-full, which counts unless `connection` says otherwise or is local
};
struct SqliteOptions {
  std::string file;
};

struct SqlOptions {
  std::string name;  ///< of the directory, for logs
  std::variant<PostgresqlOptions, SqliteOptions> database;
  /// Gives one row, by the names of its columns: address, name, quota (octets), password. Each may be missing or NULL,
  /// and others are passed over.
  Statement statement;
  PlainPasswords plain = PlainPasswords::refused;
  Duration timeout = std::chrono::seconds(5);  ///< to connect, and for each answer
  std::size_t connections = 4;
};

/// Connects at the first question.
std::unique_ptr<Source> sql_source(SqlOptions options, const Clock& clock = system_clock());

/// kInvalid where libpq cannot read it, or where it holds a password, which belongs into a file.
Result<> check_connection(const std::string& connection);

}  // namespace angarium::directory
