// What people read: errors on standard error, results as tables or fields on standard output.
#include <fmt/core.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/text.h"
#include "program/commands.h"

namespace angarium::program {
namespace {

namespace json = boost::json;

std::string plain(const json::value& value) {
  if (value.is_string()) return std::string(value.get_string());
  if (value.is_null()) return "";
  if (const json::array* array = value.if_array()) {
    std::string text;
    for (const json::value& element : *array) text += (text.empty() ? "" : ", ") + plain(element);
    return text;
  }
  return json::serialize(value);
}

/// Columns as wide as their widest cell, headings in capitals.
void print_table(const json::array& rows) {
  const json::object& first = rows.front().as_object();
  std::vector<std::string> names;
  for (const auto& field : first) names.emplace_back(field.key());
  std::vector<std::size_t> widths;
  for (const std::string& name : names) widths.push_back(name.size());
  std::vector<std::vector<std::string>> cells;
  for (const json::value& row : rows) {
    std::vector<std::string>& line = cells.emplace_back();
    for (std::size_t i = 0; i < names.size(); ++i) {
      const json::value* cell = row.as_object().if_contains(names[i]);
      line.push_back(cell != nullptr ? escape_controls(plain(*cell)) : "");
      widths[i] = std::max(widths[i], line.back().size());
    }
  }
  for (std::size_t i = 0; i < names.size(); ++i)
    fmt::print("{:<{}}{}", to_upper(names[i]), widths[i], i + 1 < names.size() ? "  " : "\n");
  for (const auto& line : cells)
    for (std::size_t i = 0; i < line.size(); ++i)
      fmt::print("{:<{}}{}", line[i], i + 1 < line.size() ? widths[i] : 0, i + 1 < line.size() ? "  " : "\n");
}

void print_fields(const json::object& object) {
  std::size_t width = 0;
  for (const auto& field : object) width = std::max(width, field.key().size());
  for (const auto& field : object)
    fmt::print("{:<{}}  {}\n", std::string(field.key()), width, escape_controls(plain(field.value()), 100'000));
}

json::object object_of(const Shown& row) {
  json::object object;
  for (const auto& [name, value] : row.fields) object[name] = value;
  return object;
}

}  // namespace

int report(const Error& error) {
  fmt::print(stderr, "angarium: {}\n", error.text());
  return error.temporary() ? control::kTemporary : control::kFailed;
}

std::string to_json(const std::vector<Shown>& rows) {
  json::array array;
  for (const Shown& row : rows) array.push_back(object_of(row));
  return json::serialize(array);
}

std::string to_json(const Shown& row) { return json::serialize(object_of(row)); }

void print_result(const std::string& verb, const std::string& result) {
  boost::system::error_code error;
  const json::value value = json::parse(result, error);
  if (const json::array* rows = value.if_array()) {
    if (rows->empty()) {
      fmt::print("none\n");
    } else if (rows->front().is_object()) {
      print_table(*rows);
    }
  } else if (const json::object* object = value.if_object()) {
    print_fields(*object);
    const json::value* damage = object->if_contains("damage");
    if (verb == "store.verify" && damage != nullptr && damage->is_array() && damage->get_array().empty())
      fmt::print("All is well.\n");
  }
}

}  // namespace angarium::program
