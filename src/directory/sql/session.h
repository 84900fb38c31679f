// One connection to a database. Blocks; one thread at a time.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "directory/sql/source.h"

namespace angarium::directory {

/// What stands in a row, by the columns' names in lower case; NULLs are not there.
using Row = std::map<std::string, std::string>;

class SqlSession {
 public:
  virtual ~SqlSession() = default;
  /// The only row; nothing without one. kImplausible where there are several, or a value is longer than kValueMax.
  /// Errors: kLost, kTimedOut, kRefused.
  virtual Result<std::optional<Row>> ask(const Statement& statement, const std::vector<std::string>& values) = 0;
};

Result<std::unique_ptr<SqlSession>> open_postgresql(const PostgresqlOptions& options, Duration timeout);
Result<std::unique_ptr<SqlSession>> open_sqlite(const SqliteOptions& options, Duration timeout);

}  // namespace angarium::directory
