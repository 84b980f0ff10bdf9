#pragma once

// What one row of the table of keys (model/keys.hh) is made of. The parser, the stored form, the
// canonical text, differences, the JSON schema and the reference page all walk the same rows, over
// objects whose type they do not know.
//
// Threads: constant data.

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "model/application.hh"
#include "model/form.hh"

namespace polis::model {

// What a change of a value asks of instances that run. From least to most.
enum class Effect {
  kNone,         // nothing: a rule that the control plane follows from now on
  kPlacement,    // instances come, go or move; those that stay are left alone
  kReconfigure,  // the instance is told, by its appconfig interface
  kRestart,      // it is replaced, by the update policy
};
const char* to_string(Effect effect);

// How a member holds its value.
enum class Shape {
  kNumber,    // an integer, a bool, an enum, a Duration (nanoseconds) or a Share
  kText,      // std::string
  kWords,     // std::vector<std::string>
  kPairs,     // std::map<std::string, std::string>
  kSection,   // a struct with keys of its own, always there
  kOptional,  // std::optional of such a struct
  kNamed,     // std::vector of such structs that have a `name`; in a file a map by name
};

// Reaches into a member of one type. Which functions are set depends on the shape.
struct Access {
  Shape shape = Shape::kNumber;
  std::int64_t (*number)(const void* member) = nullptr;
  void (*set_number)(void* member, std::int64_t value) = nullptr;
  // kOptional: the struct, or nullptr. make() makes it if need be.
  void* (*inside)(void* member) = nullptr;
  void* (*make)(void* member) = nullptr;
  // kNamed.
  std::size_t (*size)(const void* member) = nullptr;
  void* (*element)(void* member, std::size_t index) = nullptr;
  void* (*add)(void* member) = nullptr;
  // All: back to zero or empty.
  void (*clear)(void* member) = nullptr;
};

struct Section;

struct Key {
  const char* name = "";
  std::uint32_t number = 0;    // of the field in the stored form. DO NOT CHANGE. 0: is not stored
  const Form* form = nullptr;  // of a number, a text, each word, or the value of each pair
  const Form* pair_form = nullptr;   // of the names of pairs; nullptr: kConfigName
  const Section* section = nullptr;  // of kSection, kOptional, kNamed
  const char* standard = "";         // default as a file has it; "": zero, empty or absent
  Effect effect = Effect::kNone;     // of a change; what is below it has its own
  bool required = false;
  bool references = false;      // ${...} may stand in it
  const char* group = nullptr;  // of the keys of one group at most one is given
  const char* doc = "";
  const char* example = "";
  void* (*member)(void* object) = nullptr;
  const Access* access = nullptr;

  Shape shape() const { return access->shape; }
};

// A struct, and a map in a file.
struct Section {
  const char* name = "";  // of the message in the stored form
  const char* doc = "";
  std::span<const Key> keys;
  // A value that is no map stands for {shorthand: value}.
  const char* shorthand = nullptr;
  const char* group_required = nullptr;  // of this group one must be given
  bool list_of_names = false;            // kNamed: [a, b] stands for {a: {}, b: {}}
  std::string* (*unknown)(void* object) = nullptr;
  std::shared_ptr<void> (*create)() = nullptr;    // all zero and empty; nobody shares it
  std::string* (*label)(void* object) = nullptr;  // the `name` of what is kNamed; else nullptr
  const Form* label_form = nullptr;
};

// The row of this name; nullptr: there is none.
const Key* find_key(const Section& section, std::string_view name);

// For readers of constant objects.
inline const void* member_of(const Key& key, const void* object) {
  return key.member(const_cast<void*>(object));
}
template <typename T>
const T& value_of(const Key& key, const void* object) {
  return *static_cast<const T*>(member_of(key, object));
}
inline std::int64_t number_of(const Key& key, const void* object) {
  return key.access->number(member_of(key, object));
}
// Of kSection and kOptional: nullptr, if it is absent.
inline const void* inside_of(const Key& key, const void* object) {
  return key.access->inside(key.member(const_cast<void*>(object)));
}
inline std::size_t size_of(const Key& key, const void* object) {
  return key.access->size(member_of(key, object));
}
inline const void* element_of(const Key& key, const void* object, std::size_t index) {
  return key.access->element(key.member(const_cast<void*>(object)), index);
}
// It has another value than zero, empty or absent.
bool is_set(const Key& key, const void* object);
inline const std::string& label_of(const Section& section, const void* object) {
  return *section.label(const_cast<void*>(object));
}

// What follows makes rows from pointers to members.
namespace rows {

template <typename T>
struct Is : std::false_type {};
template <typename T>
struct Is<std::optional<T>> : std::true_type {
  using Inner = T;
};
template <typename T>
struct IsVector : std::false_type {};
template <typename T>
struct IsVector<std::vector<T>> : std::bool_constant<!std::same_as<T, std::string>> {};

template <typename T>
std::int64_t number(const void* member) {
  const T& value = *static_cast<const T*>(member);
  if constexpr (std::same_as<T, Duration>) {
    return value.count();
  } else if constexpr (std::same_as<T, Share>) {
    return value.value == Share::kByItself ? Share::kByItself
                                           : value.value * 2 + (value.percent ? 1 : 0);
  } else {
    return static_cast<std::int64_t>(value);
  }
}

template <typename T>
void set_number(void* member, std::int64_t number) {
  T& value = *static_cast<T*>(member);
  if constexpr (std::same_as<T, Share>) {
    value = number < 0 ? Share{Share::kByItself, false} : Share{number / 2, number % 2 != 0};
  } else if constexpr (std::same_as<T, bool>) {
    value = number != 0;
  } else {
    value = static_cast<T>(number);
  }
}

template <typename T>
constexpr Access access_of() {
  Access access{.clear = [](void* member) { *static_cast<T*>(member) = T{}; }};
  if constexpr (std::same_as<T, std::string>) {
    access.shape = Shape::kText;
  } else if constexpr (std::same_as<T, Words>) {
    access.shape = Shape::kWords;
  } else if constexpr (std::same_as<T, Pairs>) {
    access.shape = Shape::kPairs;
  } else if constexpr (Is<T>::value) {
    access.shape = Shape::kOptional;
    access.inside = [](void* member) -> void* {
      T& value = *static_cast<T*>(member);
      return value ? &*value : nullptr;
    };
    access.make = [](void* member) -> void* {
      T& value = *static_cast<T*>(member);
      return value ? &*value : &value.emplace();
    };
  } else if constexpr (IsVector<T>::value) {
    access.shape = Shape::kNamed;
    access.size = [](const void* member) { return static_cast<const T*>(member)->size(); };
    access.element = [](void* member, std::size_t index) -> void* {
      return &(*static_cast<T*>(member))[index];
    };
    access.add = [](void* member) -> void* { return &static_cast<T*>(member)->emplace_back(); };
  } else if constexpr (std::is_class_v<T> && !std::same_as<T, Duration> &&
                       !std::same_as<T, Share>) {
    access.shape = Shape::kSection;
    access.inside = access.make = [](void* member) -> void* { return member; };
  } else {
    access.shape = Shape::kNumber;
    access.number = number<T>;
    access.set_number = set_number<T>;
  }
  return access;
}
template <typename T>
inline constexpr Access kAccess = access_of<T>();

template <typename>
struct MemberPointer;
template <typename Object, typename Member>
struct MemberPointer<Member Object::*> {
  using O = Object;
  using M = Member;
};

// A row about one member.
template <auto Pointer>
constexpr Key row(Key key) {
  using P = MemberPointer<decltype(Pointer)>;
  key.member = [](void* object) -> void* {
    return &(static_cast<typename P::O*>(object)->*Pointer);
  };
  key.access = &kAccess<typename P::M>;
  return key;
}

// A section of one struct.
template <typename Object>
constexpr Section section(Section made) {
  made.unknown = [](void* object) { return &static_cast<Object*>(object)->unknown; };
  made.create = [] { return std::shared_ptr<void>(std::make_shared<Object>()); };
  return made;
}
// Of one that has a name.
template <typename Object>
constexpr Section named(const Form* label_form, Section made) {
  made = section<Object>(made);
  made.label = [](void* object) { return &static_cast<Object*>(object)->name; };
  made.label_form = label_form;
  return made;
}

}  // namespace rows
}  // namespace polis::model
