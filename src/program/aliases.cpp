// angarium aliases check, newaliases, sendmail -bi: the files of aliases as they are, with what is wrong in them.
#include <fmt/core.h>

#include <boost/json.hpp>

#include "program/commands.h"

namespace angarium::program {
namespace {

namespace json = boost::json;

std::string text(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains(name);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

std::int64_t number(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains(name);
  return found != nullptr && found->is_int64() ? found->get_int64() : 0;
}

bool is_true(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains(name);
  return found != nullptr && found->is_bool() && found->get_bool();
}

json::array rows(const json::value& answer, std::string_view name) {
  const json::value* found = answer.is_object() ? answer.get_object().if_contains(name) : nullptr;
  return found != nullptr && found->is_array() ? found->get_array() : json::array();
}

void print(const json::value& answer) {
  for (const json::value& row : rows(answer, "files")) {
    const json::object& file = row.as_object();
    if (!is_true(file, "there"))
      fmt::print("{}: not there, or not readable\n", text(file, "file"));
    else
      fmt::print("{}: {} aliases{}\n", text(file, "file"), number(file, "aliases"),
                 is_true(file, "commands") ? ""
                                           : "; addresses only, since it is not root's or the server's, or others may "
                                             "write it");
  }
  for (const json::value& row : rows(answer, "findings")) {
    const json::object& finding = row.as_object();
    const std::int64_t line = number(finding, "line");
    fmt::print("{}:{} {}\n", text(finding, "file"), line > 0 ? fmt::format("{}:", line) : "", text(finding, "text"));
  }
}

}  // namespace

int aliases_check(const Context& context) {
  const auto reply = ask_or_do(context, {.verb = "aliases.check", .arguments = {}});
  if (!reply) return report(reply.error());
  if (reply->exit_code != control::kDone) return report(context, *reply);
  boost::system::error_code error;
  const json::value answer = json::parse(reply->result, error);
  if (context.json)
    fmt::print("{}\n", reply->result);
  else
    print(answer);
  return rows(answer, "findings").empty() ? control::kDone : control::kFailed;
}

}  // namespace angarium::program
