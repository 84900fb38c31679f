#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/text.h"
#include "directory/sql/session.h"

namespace angarium::directory {
namespace {

/// Steps of SQLite's machine between two looks at the clock: some microseconds.
constexpr int kStepsBetweenLooks = 1000;

struct Close {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};
using Database = std::unique_ptr<sqlite3, Close>;
struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Prepared = std::unique_ptr<sqlite3_stmt, Finalize>;

/// Which file a path leads to; a new one in the same place is another.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  friend bool operator==(const FileId&, const FileId&) = default;
};
std::optional<FileId> file_id(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileId{status.st_dev, status.st_ino};
}

std::unexpected<Error> failed(int code, sqlite3* database) {
  const std::string words = escape_controls(database == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(database), 200);
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_INTERRUPT: return fail(kTimedOut, "SQLite: " + words);
    case SQLITE_NOMEM: return fail(kOutOfMemory, "SQLite: " + words);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN: return fail(kLost, "SQLite: " + words);
    default: return fail(kRefused, "SQLite: " + words);
  }
}

class SqliteSession final : public SqlSession {
 public:
  SqliteSession(Database database, std::string path, FileId id, Duration timeout)
      : database_(std::move(database)), path_(std::move(path)), id_(id), timeout_(timeout) {
    sqlite3_progress_handler(
        database_.get(), kStepsBetweenLooks,
        [](void* self) { return static_cast<SqliteSession*>(self)->deadline_ < system_clock().now() ? 1 : 0; }, this);
  }

  Result<std::optional<Row>> ask(const Statement& statement, const std::vector<std::string>& values) override {
    if (file_id(path_) != id_) return fail(kLost, "SQLite: another file lies there");
    deadline_ = system_clock().now() + timeout_;
    sqlite3_stmt* raw = nullptr;
    int code = sqlite3_prepare_v2(database_.get(), statement.text.data(), static_cast<int>(statement.text.size()), &raw,
                                  nullptr);
    const Prepared prepared(raw);
    if (code != SQLITE_OK) return failed(code, database_.get());
    if (raw == nullptr || sqlite3_stmt_readonly(raw) == 0) return fail(kRefused, "SQLite: the statement would write");
    for (std::size_t i = 0; i < values.size(); ++i) {
      // "$1" is a name to SQLite.
      const int at = sqlite3_bind_parameter_index(raw, ("$" + std::to_string(i + 1)).c_str());
      code = sqlite3_bind_text(raw, at, values[i].data(), static_cast<int>(values[i].size()), SQLITE_STATIC);
      if (code != SQLITE_OK) return failed(code, database_.get());
    }
    code = sqlite3_step(raw);
    if (code == SQLITE_DONE) return std::nullopt;
    if (code != SQLITE_ROW) return failed(code, database_.get());
    Row row = TRY(row_of(raw));
    code = sqlite3_step(raw);
    if (code == SQLITE_ROW) return fail(kImplausible, "the statement gives more than one row for one address");
    if (code != SQLITE_DONE) return failed(code, database_.get());
    return row;
  }

 private:
  static Result<Row> row_of(sqlite3_stmt* statement) {
    Row row;
    for (int column = 0; column < sqlite3_column_count(statement); ++column) {
      if (sqlite3_column_type(statement, column) == SQLITE_NULL) continue;
      const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
      if (text == nullptr) return fail(kOutOfMemory, "for a row of SQLite");
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
      if (size > kValueMax)
        return fail(kImplausible, "a value is longer than " + std::to_string(kValueMax) + " octets");
      row[to_lower(sqlite3_column_name(statement, column))] = std::string(text, size);
    }
    return row;
  }

  Database database_;
  std::string path_;
  FileId id_;
  Duration timeout_;
  Moment deadline_;
};

}  // namespace

Result<std::unique_ptr<SqlSession>> open_sqlite(const SqliteOptions& options, Duration timeout) {
  const auto id = file_id(options.file);
  if (!id) return fail(kUnreachable, "there is no file " + options.file);
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(options.file.c_str(), &raw, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(raw);
  if (code != SQLITE_OK) return failed(code, raw);
  // Whoever writes the file may hold it for a while. What the file itself could make run stays off.
  sqlite3_busy_timeout(raw, static_cast<int>(timeout.count() / 1000));
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return std::make_unique<SqliteSession>(std::move(database), options.file, *id, timeout);
}

}  // namespace angarium::directory
