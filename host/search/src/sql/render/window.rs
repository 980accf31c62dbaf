//! Renders OVER and WINDOW.

use sqlparser::ast::{
    Ident, NamedWindowDefinition, NamedWindowExpr, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowSpec,
    WindowType,
};

use super::{Rendered, Renderer, bounds, unsupported};

impl Renderer {
    pub(super) fn named_windows(&mut self, windows: &[NamedWindowDefinition]) -> Rendered {
        if windows.is_empty() {
            return Ok(());
        }
        self.push(" WINDOW ");
        self.list(windows, |this, NamedWindowDefinition(name, definition)| {
            this.name(name);
            this.push(" AS ");
            match definition {
                NamedWindowExpr::NamedWindow(_) => Err(unsupported("a window that is only another name")),
                NamedWindowExpr::WindowSpec(specification) => this.window(specification),
            }
        })
    }

    pub(super) fn over(&mut self, window: &WindowType) -> Rendered {
        self.push(" OVER ");
        match window {
            WindowType::NamedWindow(name) => {
                self.name(name);
                Ok(())
            }
            WindowType::WindowSpec(specification) => self.window(specification),
        }
    }

    fn window(&mut self, specification: &WindowSpec) -> Rendered {
        let WindowSpec { window_name, partition_by, order_by, window_frame } = specification;
        self.counts.window()?;
        bounds::terms("PARTITION BY", partition_by.len())?;
        bounds::terms("ORDER BY", order_by.len())?;
        self.push("(");
        self.base(window_name.as_ref());
        if !partition_by.is_empty() {
            self.push(" PARTITION BY ");
            self.list(partition_by, Self::value)?;
        }
        if !order_by.is_empty() {
            self.push(" ORDER BY ");
            self.list(order_by, Self::order_term)?;
        }
        if let Some(frame) = window_frame {
            self.frame(frame)?;
        }
        self.push(")");
        Ok(())
    }

    fn base(&mut self, name: Option<&Ident>) {
        if let Some(name) = name {
            self.name(name);
        }
    }

    fn frame(&mut self, frame: &WindowFrame) -> Rendered {
        let WindowFrame { units, start_bound, end_bound } = frame;
        self.push(match units {
            WindowFrameUnits::Rows => " ROWS ",
            WindowFrameUnits::Range => " RANGE ",
            WindowFrameUnits::Groups => " GROUPS ",
        });
        match end_bound {
            None => self.bound(start_bound),
            Some(end) => {
                self.push("BETWEEN ");
                self.bound(start_bound)?;
                self.push(" AND ");
                self.bound(end)
            }
        }
    }

    fn bound(&mut self, bound: &WindowFrameBound) -> Rendered {
        let (distance, words) = match bound {
            WindowFrameBound::CurrentRow => {
                self.push("CURRENT ROW");
                return Ok(());
            }
            WindowFrameBound::Preceding(distance) => (distance, " PRECEDING"),
            WindowFrameBound::Following(distance) => (distance, " FOLLOWING"),
        };
        match distance {
            None => self.push("UNBOUNDED"),
            Some(distance) => self.value(distance)?,
        }
        self.push(words);
        Ok(())
    }
}
