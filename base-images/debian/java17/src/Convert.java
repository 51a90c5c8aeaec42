package limg.runtime;

import java.lang.reflect.Array;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.lang.reflect.WildcardType;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Makes of JSON's values what a handler's parameter asks for. */
final class Convert {
    private Convert() {}

    static Object to(Type type, Object value) {
        if (type instanceof TypeVariable<?> || type instanceof WildcardType) {
            return value; // nothing is known of it
        }
        if (type instanceof GenericArrayType) {
            return array(((GenericArrayType) type).getGenericComponentType(), value);
        }
        if (type instanceof ParameterizedType) {
            ParameterizedType generic = (ParameterizedType) type;
            return container((Class<?>) generic.getRawType(), generic.getActualTypeArguments(), value);
        }
        Class<?> plain = (Class<?>) type;
        if (value == null && plain.isPrimitive()) {
            throw mismatch(type, value);
        }
        if (value == null || plain.isInstance(value)) {
            return value;
        }
        try {
            if (plain == byte[].class && value instanceof String) {
                return Base64.getDecoder().decode((String) value);
            }
            if (plain == boolean.class && value instanceof Boolean) {
                return value;
            }
            if (value instanceof Number) {
                return number(plain, new BigDecimal(value.toString()));
            }
        } catch (ArithmeticException | IllegalArgumentException error) {
            throw mismatch(type, value);
        }
        if (plain.isArray()) {
            return array(plain.getComponentType(), value);
        }
        throw mismatch(type, value);
    }

    private static Object number(Class<?> type, BigDecimal number) {
        if (type == int.class || type == Integer.class) {
            return number.intValueExact();
        } else if (type == long.class || type == Long.class) {
            return number.longValueExact();
        } else if (type == short.class || type == Short.class) {
            return number.shortValueExact();
        } else if (type == byte.class || type == Byte.class) {
            return number.byteValueExact();
        } else if (type == double.class || type == Double.class) {
            return number.doubleValue();
        } else if (type == float.class || type == Float.class) {
            return number.floatValue();
        } else if (type == BigInteger.class) {
            return number.toBigIntegerExact();
        } else if (type == BigDecimal.class) {
            return number;
        }
        throw mismatch(type, number);
    }

    private static Object container(Class<?> type, Type[] of, Object value) {
        if (value == null) {
            return null;
        }
        if (value instanceof List<?> && of.length == 1 && type.isAssignableFrom(ArrayList.class)
                && Iterable.class.isAssignableFrom(type)) {
            Collection<Object> items = new ArrayList<>();
            for (Object item : (List<?>) value) {
                items.add(to(of[0], item));
            }
            return items;
        }
        if (value instanceof Map<?, ?> && of.length == 2 && type.isAssignableFrom(LinkedHashMap.class)
                && of[0] == String.class) {
            Map<Object, Object> entries = new LinkedHashMap<>();
            ((Map<?, ?>) value).forEach((name, entry) -> entries.put(name, to(of[1], entry)));
            return entries;
        }
        throw mismatch(type, value);
    }

    private static Object array(Type of, Object value) {
        if (value == null) {
            return null;
        }
        if (!(value instanceof List<?>) || !(of instanceof Class<?>)) {
            throw mismatch(of, value);
        }
        List<?> items = (List<?>) value;
        Object array = Array.newInstance((Class<?>) of, items.size());
        for (int index = 0; index < items.size(); index++) {
            Array.set(array, index, to(of, items.get(index)));
        }
        return array;
    }

    private static IllegalArgumentException mismatch(Type type, Object value) {
        String kind = value == null ? "null" : value.getClass().getSimpleName();
        return new IllegalArgumentException("the handler takes " + type.getTypeName() + ", which cannot be made of a JSON "
            + kind + ": take Object, Map, List, String, a number, boolean or byte[], or an InputStream");
    }
}
